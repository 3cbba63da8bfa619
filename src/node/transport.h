// How the parts of a node send to other nodes.
#pragma once

#include <memory>
#include <vector>

#include "net/channel.h"
#include "wire/messages.h"

namespace exogpu::node {

// On the node's thread.
class Transport {
 public:
  virtual ~Transport() = default;

  // Errors: unavailable, naming the node (there is no channel to it); those of net::Channel::send().
  virtual Result<void> send(wire::NodeId to, net::Outgoing frame) = 0;
  // Nodes that have an open channel.
  virtual std::vector<wire::NodeId> connected_nodes() const = 0;

  // A control frame in the ordered lane.
  template <typename Message>
  Result<void> send_message(wire::NodeId to, const Message& message) {
    const auto bytes = std::make_shared<const wire::ByteVector>(encode(message));
    net::Outgoing frame;
    frame.header.of = wire::Control{Message::kType};
    frame.payload = {*bytes};
    frame.owner = bytes;
    return send(to, std::move(frame));
  }
  // To every connected node. A node that it does not reach will connect again and receive it then.
  template <typename Message>
  void broadcast(const Message& message) {
    for (const wire::NodeId peer : connected_nodes()) (void)send_message(peer, message);
  }
};

}  // namespace exogpu::node
