#include "node/dispatch.h"

namespace exogpu::node {

void Dispatch::on_raw(wire::ControlType type, RawHandler handler) { controls_[type] = std::move(handler); }

const FrameHandler* Dispatch::handler_of(const wire::FrameHeader& header) const {
  if (std::holds_alternative<wire::Activation>(header.of)) return &activations_;
  if (const auto* bulk = std::get_if<wire::Bulk>(&header.of)) {
    const auto found = transfers_.find(bulk->transfer);
    return found == transfers_.end() ? &bulk_ : &found->second;
  }
  return nullptr;
}

std::optional<std::span<std::byte>> Dispatch::receive_buffer(wire::NodeId from, const wire::FrameHeader& header) const {
  const FrameHandler* handler = handler_of(header);
  if (handler == nullptr || !handler->receive_buffer) return std::nullopt;
  return handler->receive_buffer(from, header);
}

Result<void> Dispatch::frame(wire::NodeId from, const wire::FrameHeader& header,
                             std::span<const std::byte> payload) const {
  if (const auto* control = std::get_if<wire::Control>(&header.of)) {
    const auto found = controls_.find(control->type);
    if (found == controls_.end()) return {};
    return found->second(from, control->type, payload);
  }
  const FrameHandler* handler = handler_of(header);
  if (handler != nullptr && handler->on_frame) handler->on_frame(from, header, payload);
  return {};
}

void Dispatch::abandoned(wire::NodeId from, const wire::FrameHeader& header) const {
  const FrameHandler* handler = handler_of(header);
  if (handler != nullptr && handler->on_abandoned) handler->on_abandoned(from, header);
}

}  // namespace exogpu::node
