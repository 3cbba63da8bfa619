// A message of the ring, or of a request to it, as a frame of the ordered lane.
#pragma once

#include <memory>

#include "net/channel.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

template <typename Message>
net::Outgoing control_frame(const Message& message) {
  auto bytes = std::make_shared<const wire::ByteVector>(wire::encode(message));
  net::Outgoing frame;
  frame.header.of = wire::Control{Message::kType};
  frame.lane = net::Lane::ordered;
  frame.payload = {*bytes};
  frame.owner = std::move(bytes);
  return frame;
}

}  // namespace exogpu::pipeline
