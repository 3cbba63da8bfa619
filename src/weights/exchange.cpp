#include "weights/exchange.h"

#include <algorithm>
#include <map>

#include "weights/fetch.h"
#include "weights/sender.h"
#include "weights/workers.h"
#include "wire/weights.h"

namespace exogpu::weights {

struct WeightExchange::Impl : std::enable_shared_from_this<WeightExchange::Impl> {
  struct Peer {
    net::Channel* channel = nullptr;
    std::shared_ptr<Sender> sender;
    // What its channel is writing to.
    std::optional<Buffers::Buffer> filling;
    wire::TransferId filling_for{};
  };

  Impl(std::shared_ptr<WeightCache> cache, Post post, const ExchangeOptions& options)
      : touching(std::make_shared<Workers>(1)) {
    host.cache = std::move(cache);
    host.post = std::move(post);
    host.options = options;
    host.now = net::SteadyTime::clock::now();
    host.options.frame_bytes = std::clamp<Bytes>(options.frame_bytes, 1, kFrameBytesMax);
    host.options.hashing_threads = std::max(options.hashing_threads, 1U);
    host.files = std::make_unique<Workers>(1);
    host.hashing = std::make_unique<Workers>(host.options.hashing_threads);
    host.buffers = std::make_shared<Buffers>(options.unwritten_bytes);
    host.on_written = [this] {
      if (paused && host.buffers->used() <= host.options.unwritten_bytes / 2) pause(false);
    };
  }

  Peer* find(const wire::NodeId& id) {
    const auto found = peers.find(id);
    return found == peers.end() ? nullptr : &found->second;
  }
  std::shared_ptr<Fetch> find_fetch(const ContentId& content) const {
    const auto found = std::ranges::find_if(fetches, [&](const auto& f) { return f->content() == content; });
    return found == fetches.end() || (*found)->ended() ? nullptr : *found;
  }
  std::shared_ptr<const Content> offered(const ContentId& content) const {
    const auto found = offers.find(content);
    return found == offers.end() ? nullptr : found->second;
  }

  // What arrives faster than it is hashed and written waits at its sender.
  void pause(bool on) {
    paused = on;
    for (auto& [id, peer] : peers) {
      if (on) {
        peer.channel->pause(net::Lane::bulk);
      } else {
        peer.channel->resume(net::Lane::bulk);
      }
    }
  }

  void remove_ended() {
    std::erase_if(fetches, [](const auto& fetch) { return fetch->ended(); });
  }
  template <typename Call>
  void for_fetches(Call call) {
    const auto all = fetches;
    for (const auto& fetch : all) call(*fetch);
    remove_ended();
  }

  void answer_query(Peer& peer, const wire::WeightsQuery& query) const {
    wire::WeightsAvailability availability{.content = query.content, .answer = {}};
    if (const auto content = offered(query.content); content && content->check()) {
      availability.answer = wire::AvailableObjects{.manifest_bytes = content->encoded_manifest().size(),
                                                   .objects = content->present_bits()};
    } else {
      availability.answer = fail(ErrorCode::not_found, "model {} is not here", query.content.text());
    }
    peer.sender->send_message(wire::ControlType::weights_availability, wire::encode(availability));
  }

  FetchHost host;
  std::shared_ptr<Workers> touching;
  std::map<wire::NodeId, Peer> peers;
  std::map<ContentId, std::shared_ptr<const Content>> offers;
  std::vector<std::shared_ptr<Fetch>> fetches;
  ExchangeStats counts;
  bool paused = false;
};

WeightExchange::WeightExchange(std::shared_ptr<WeightCache> cache, Post post, const ExchangeOptions& options)
    : impl_(std::make_shared<Impl>(std::move(cache), std::move(post), options)) {}

WeightExchange::~WeightExchange() {
  for (const auto& fetch : std::exchange(impl_->fetches, {})) fetch->cancel();
  for (auto& [id, peer] : impl_->peers) peer.sender->end();
  impl_->peers.clear();
}

void WeightExchange::offer(std::shared_ptr<const Content> content) {
  const ContentId id = content->id();
  impl_->offers[id] = std::move(content);
}

void WeightExchange::withdraw(const ContentId& content) { impl_->offers.erase(content); }

Fetching WeightExchange::fetch(const ContentId& content, const Scope& scope, FetchCalls calls) {
  auto refuse = [&](Error why) {
    impl_->host.post([done = std::move(calls.on_done), why = std::move(why)] {
      if (done) done(std::unexpected(why));
    });
    return Fetching();
  };
  if (!impl_->host.cache) {
    return refuse({.code = ErrorCode::failed_precondition, .message = "this node has no cache for weights"});
  }
  if (impl_->find_fetch(content)) {
    return refuse({.code = ErrorCode::failed_precondition,
                   .message = std::format("model {} is being fetched already", content.short_text())});
  }
  impl_->remove_ended();
  auto fetch = std::make_shared<Fetch>(impl_->host, content, scope, std::move(calls));
  impl_->fetches.push_back(fetch);
  for (auto& [id, peer] : impl_->peers) fetch->peer_connected(id, peer.sender);
  fetch->start();
  return Fetching([weak = std::weak_ptr(impl_), fetch = std::weak_ptr(fetch)] {
    const auto impl = weak.lock();
    const auto given_up = fetch.lock();
    if (!impl || !given_up) return;
    given_up->cancel();
    impl->remove_ended();
  });
}

void WeightExchange::peer_connected(const wire::NodeId& id, net::Channel& channel) {
  peer_lost(id);
  Impl::Peer& peer = impl_->peers[id];
  peer.channel = &channel;
  peer.sender = std::make_shared<Sender>(channel, impl_->touching, impl_->host.post, impl_->host.options);
  if (impl_->paused) channel.pause(net::Lane::bulk);
  impl_->for_fetches([&](Fetch& fetch) { fetch.peer_connected(id, peer.sender); });
}

void WeightExchange::peer_lost(const wire::NodeId& id) {
  Impl::Peer* peer = impl_->find(id);
  if (!peer) return;
  peer->sender->end();
  impl_->counts.sent_bytes += peer->sender->sent_bytes();
  if (peer->filling) impl_->host.buffers->give_back(*std::move(peer->filling));
  impl_->peers.erase(id);
  impl_->for_fetches([&](Fetch& fetch) { fetch.peer_lost(id); });
  impl_->host.on_written();
}

bool WeightExchange::owns(wire::ControlType type) {
  return type >= wire::ControlType::weights_query && type <= wire::ControlType::weights_stop;
}

Result<void> WeightExchange::on_control(const wire::NodeId& id, wire::ControlType type,
                                        std::span<const std::byte> payload) {
  Impl::Peer* peer = impl_->find(id);
  if (!peer) return {};
  switch (type) {
    case wire::ControlType::weights_query: {
      EXO_TRY(const auto query, wire::decode<wire::WeightsQuery>(payload));
      impl_->answer_query(*peer, query);
      return {};
    }
    case wire::ControlType::weights_availability: {
      EXO_TRY(const auto availability, wire::decode<wire::WeightsAvailability>(payload));
      if (const auto fetch = impl_->find_fetch(availability.content)) fetch->on_availability(id, availability);
      impl_->remove_ended();
      return {};
    }
    case wire::ControlType::weights_request: {
      EXO_TRY(const auto request, wire::decode<wire::WeightsRequest>(payload));
      peer->sender->request(request, impl_->offered(request.content));
      return {};
    }
    case wire::ControlType::weights_refusal: {
      EXO_TRY(const auto refusal, wire::decode<wire::WeightsRefusal>(payload));
      impl_->for_fetches([&](Fetch& fetch) { fetch.on_refusal(id, refusal.transfer, refusal.reason); });
      return {};
    }
    case wire::ControlType::weights_stop: {
      EXO_TRY(const auto stop, wire::decode<wire::WeightsStop>(payload));
      peer->sender->stop(stop.transfer);
      return {};
    }
    default: return fail(ErrorCode::corrupt, "a message of type {} about weights", std::to_underlying(type));
  }
}

std::optional<std::span<std::byte>> WeightExchange::receive_buffer(const wire::NodeId& id,
                                                                   const wire::FrameHeader& header) {
  Impl::Peer* peer = impl_->find(id);
  const auto* frame = std::get_if<wire::Bulk>(&header.of);
  if (!peer || !frame) return std::nullopt;
  const auto found = impl_->host.open_transfers.find(frame->transfer);
  const auto fetch = found == impl_->host.open_transfers.end() ? nullptr : found->second.lock();
  const bool sized = header.payload_bytes > 0 && header.payload_bytes <= kFrameBytesMax;
  if (!fetch || !sized || !fetch->accepts(id, *frame, header.payload_bytes)) {
    impl_->counts.refused_bytes += header.payload_bytes;
    impl_->remove_ended();
    return std::nullopt;
  }
  peer->filling = impl_->host.buffers->take(header.payload_bytes);
  peer->filling_for = frame->transfer;
  return peer->filling->bytes();
}

void WeightExchange::on_bulk(const wire::NodeId& id, const wire::FrameHeader& header, std::span<const std::byte>) {
  Impl::Peer* peer = impl_->find(id);
  if (!peer || !peer->filling || !std::holds_alternative<wire::Bulk>(header.of)) return;
  Buffers::Buffer buffer = *std::exchange(peer->filling, std::nullopt);
  const auto found = impl_->host.open_transfers.find(peer->filling_for);
  const auto fetch = found == impl_->host.open_transfers.end() ? nullptr : found->second.lock();
  if (!fetch) {
    impl_->counts.refused_bytes += buffer.size;
    return impl_->host.buffers->give_back(std::move(buffer));
  }
  impl_->counts.received_bytes += buffer.size;
  fetch->on_bytes(id, peer->filling_for, std::move(buffer));
  if (!impl_->paused && impl_->host.buffers->used() > impl_->host.options.unwritten_bytes) impl_->pause(true);
}

void WeightExchange::on_abandoned(const wire::NodeId& id, const wire::FrameHeader& header) {
  Impl::Peer* peer = impl_->find(id);
  const auto* frame = std::get_if<wire::Bulk>(&header.of);
  if (!peer || !frame || !peer->filling) return;
  impl_->host.buffers->give_back(*std::exchange(peer->filling, std::nullopt));
  impl_->for_fetches([&](Fetch& fetch) {
    fetch.on_refusal(id, frame->transfer, {.code = ErrorCode::unavailable, .message = "it gave up sending weights"});
  });
}

void WeightExchange::on_writable(const wire::NodeId& id, net::Lane) {
  if (Impl::Peer* peer = impl_->find(id)) peer->sender->on_writable();
}

void WeightExchange::tick(net::SteadyTime now) {
  impl_->host.now = now;
  impl_->for_fetches([](Fetch& fetch) { fetch.tick(); });
}

ExchangeStats WeightExchange::stats() const {
  ExchangeStats stats = impl_->counts;
  for (const auto& [id, peer] : impl_->peers) stats.sent_bytes += peer.sender->sent_bytes();
  return stats;
}

}  // namespace exogpu::weights
