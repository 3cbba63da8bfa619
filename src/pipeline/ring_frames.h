// The frames of rings: passes what channels receive to the Ring of the frame's plan, if there is one.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>

#include "pipeline/ring.h"

namespace exogpu::pipeline {

// One thread, the rings'.
class RingFrames {
 public:
  // `ring` is asked with the plan of each frame; null: there is none, and the frame is ignored.
  explicit RingFrames(std::function<Ring*(wire::PlanEpoch)> ring) : ring_(std::move(ring)) {}

  static bool owns(wire::ControlType type) {
    return type == wire::ControlType::step || type == wire::ControlType::step_done;
  }
  // Errors: those of decode().
  Result<void> on_control(wire::NodeId from, wire::ControlType type, std::span<const std::byte> payload);

  // The receive buffer of an activation frame: as ChannelHandler::receive_buffer(). The memory stays until
  // on_activation(), on_abandoned() or peer_lost(), even when the ring ends meanwhile.
  std::optional<std::span<std::byte>> receive_buffer(wire::NodeId from, const wire::FrameHeader& header);
  void on_activation(wire::NodeId from, const wire::FrameHeader& header);
  void on_abandoned(wire::NodeId from) { receiving_.erase(from); }
  void peer_lost(wire::NodeId peer) { receiving_.erase(peer); }

 private:
  std::function<Ring*(wire::PlanEpoch)> ring_;
  std::map<wire::NodeId, Buffer> receiving_;
};

}  // namespace exogpu::pipeline
