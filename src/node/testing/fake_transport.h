// Records what the parts of a node send.
#pragma once

#include <algorithm>
#include <set>

#include "node/transport.h"

namespace exogpu::node::testing {

class FakeTransport final : public Transport {
 public:
  struct Sent {
    wire::NodeId to;
    wire::FrameHeader header;
    net::Lane lane;
    wire::ByteVector payload;
  };

  Result<void> send(wire::NodeId to, net::Outgoing frame) override {
    if (!connected.contains(to)) return fail(ErrorCode::unavailable, "there is no connection to {}", to.short_text());
    if (full) return fail(ErrorCode::resource_exhausted, "the queue is full");
    wire::ByteVector bytes;
    for (const auto part : frame.payload) bytes.insert(bytes.end(), part.begin(), part.end());
    sent.push_back({to, frame.header, frame.lane, std::move(bytes)});
    return {};
  }
  std::vector<wire::NodeId> connected_nodes() const override { return {connected.begin(), connected.end()}; }

  // The messages of this type to `to`, in order; forgets them.
  template <typename Message>
  std::vector<Message> take(wire::NodeId to) {
    std::vector<Message> messages;
    std::erase_if(sent, [&](const Sent& each) {
      const auto* control = std::get_if<wire::Control>(&each.header.of);
      if (each.to != to || control == nullptr || control->type != Message::kType) return false;
      messages.push_back(wire::decode<Message>(each.payload).value());
      return true;
    });
    return messages;
  }

  std::set<wire::NodeId> connected;
  bool full = false;  // sends are refused for lack of room
  std::vector<Sent> sent;
};

// As if `message` had arrived.
template <typename Message>
Result<void> deliver(const auto& dispatch, wire::NodeId from, const Message& message) {
  return dispatch.frame(from, {.of = wire::Control{Message::kType}}, encode(message));
}

}  // namespace exogpu::node::testing
