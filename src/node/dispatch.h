// The one table of what arrives at a node: each part registers the control messages it takes, and one part each takes
// activations and bulk frames.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "base/result.h"
#include "wire/frame.h"
#include "wire/messages.h"
#include "wire/node_id.h"

namespace exogpu::node {

// Takes the frames of one kind that carry raw bytes. As net::ChannelHandler has it; an absent call does nothing.
struct FrameHandler {
  std::function<std::optional<std::span<std::byte>>(wire::NodeId, const wire::FrameHeader&)> receive_buffer;
  std::function<void(wire::NodeId, const wire::FrameHeader&, std::span<const std::byte>)> on_frame;
  std::function<void(wire::NodeId, const wire::FrameHeader&)> on_abandoned;
};

// All calls on the node's thread. Handlers are registered before the first frame arrives and live as long as the table.
class Dispatch {
 public:
  using RawHandler = std::function<Result<void>(wire::NodeId, wire::ControlType, std::span<const std::byte>)>;

  // Precondition of all: nothing is registered for the same frames yet.
  template <typename Message>
  void on(std::function<void(wire::NodeId, Message)> handler) {
    on_raw(Message::kType,
           [handler = std::move(handler)](wire::NodeId from, wire::ControlType,
                                          std::span<const std::byte> payload) -> Result<void> {
             EXO_TRY(Message message, wire::decode<Message>(payload));
             handler(from, std::move(message));
             return {};
           });
  }
  void on_raw(wire::ControlType type, RawHandler handler);
  void on_activations(FrameHandler handler) { activations_ = std::move(handler); }
  // Of this transfer alone, or of all that have no handler of their own.
  void on_bulk(FrameHandler handler) { bulk_ = std::move(handler); }
  void on_bulk(wire::TransferId transfer, FrameHandler handler) { transfers_[transfer] = std::move(handler); }

  std::optional<std::span<std::byte>> receive_buffer(wire::NodeId from, const wire::FrameHeader& header) const;
  // A control frame of a type that nothing is registered for is of a later version, and ignored.
  // Errors: corrupt, when the message cannot be decoded; the sender's channel is to be closed with it.
  Result<void> frame(wire::NodeId from, const wire::FrameHeader& header, std::span<const std::byte> payload) const;
  void abandoned(wire::NodeId from, const wire::FrameHeader& header) const;

 private:
  const FrameHandler* handler_of(const wire::FrameHeader& header) const;

  std::map<wire::ControlType, RawHandler> controls_;
  std::map<wire::TransferId, FrameHandler> transfers_;
  FrameHandler activations_, bulk_;
};

}  // namespace exogpu::node
