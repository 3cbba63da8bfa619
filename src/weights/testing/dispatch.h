// What a node does for the exchange, in tests.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "net/channel.h"
#include "weights/exchange.h"
#include "weights/testing/example_model.h"

namespace exogpu::weights::testing {

// The dispatch that a node does for one of its channels.
struct Dispatch : net::ChannelHandler {
  Dispatch(WeightExchange& exchange_, std::unique_ptr<net::Channel> channel_)
      : exchange(exchange_), channel(std::move(channel_)), peer(channel->peer().node) {
    channel->start(*this);
    exchange.peer_connected(peer, *channel);
  }
  ~Dispatch() override { exchange.peer_lost(peer); }
  std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader& header) override {
    if (garble) garble(header);
    return exchange.receive_buffer(peer, header);
  }
  void on_frame(const wire::FrameHeader& header, std::span<const std::byte> payload) override {
    if (const auto* control = std::get_if<wire::Control>(&header.of)) {
      if (auto taken = exchange.on_control(peer, control->type, payload); !taken) channel->close(taken.error());
    } else {
      bulk_bytes += payload.size();
      if (spoil) spoil(header, {const_cast<std::byte*>(payload.data()), payload.size()});
      exchange.on_bulk(peer, header, payload);
    }
  }
  void on_abandoned(const wire::FrameHeader& header) override { exchange.on_abandoned(peer, header); }
  void on_writable(net::Lane lane) override { exchange.on_writable(peer, lane); }
  void on_closed(const Error& reason) override {
    closed = reason;
    exchange.peer_lost(peer);
  }

  WeightExchange& exchange;
  std::unique_ptr<net::Channel> channel;
  wire::NodeId peer;
  std::optional<Error> closed;
  Bytes bulk_bytes = 0;
  std::function<void(const wire::FrameHeader&)> garble;
  std::function<void(const wire::FrameHeader&, std::span<std::byte>)> spoil;  // what has arrived
};

// The outcome of a fetch.
struct Outcome {
  FetchCalls calls() {
    return {.on_progress =
                [this](Bytes done, Bytes total) {
                  progress.push_back(done);
                  total_bytes = total;
                },
            .on_done = [this](auto found) { result = std::move(found); }};
  }
  bool done() const { return result.has_value(); }
  std::vector<Bytes> progress;
  Bytes total_bytes = 0;
  std::optional<Result<std::shared_ptr<PartialModel>>> result;
};

inline std::shared_ptr<WeightCache> cache_in(const Folder& folder, const std::string& name,
                                             std::optional<Bytes> limit = std::nullopt) {
  auto cache = WeightCache::open({.folder = folder / name, .limit = limit, .keep_free = 0});
  EXPECT_TRUE(cache) << cache.error().message;
  return *std::move(cache);
}

}  // namespace exogpu::weights::testing
