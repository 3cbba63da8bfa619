// A frame between two nodes of a simulation, as a channel carries it.
#pragma once

#include "net/channel.h"
#include "wire/ring.h"

namespace exogpu::sim {

struct Frame {
  wire::FrameHeader header;
  wire::ByteVector payload;
};

inline Frame frame_of(const net::Outgoing& outgoing) {
  Frame frame{.header = outgoing.header, .payload = {}};
  for (const auto& part : outgoing.payload) frame.payload.insert(frame.payload.end(), part.begin(), part.end());
  frame.header.payload_bytes = static_cast<uint32_t>(frame.payload.size());
  return frame;
}

template <typename Message>
Frame frame_of(const Message& message) {
  Frame frame{.header = {.of = wire::Control{Message::kType}}, .payload = wire::encode(message)};
  frame.header.payload_bytes = static_cast<uint32_t>(frame.payload.size());
  return frame;
}

inline bool is(const Frame& frame, wire::ControlType type) {
  const auto* control = std::get_if<wire::Control>(&frame.header.of);
  return control != nullptr && control->type == type;
}

}  // namespace exogpu::sim
