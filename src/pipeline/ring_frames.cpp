#include "pipeline/ring_frames.h"

namespace exogpu::pipeline {
namespace {

wire::PlanEpoch epoch_of(const wire::FrameHeader& activation) {
  return std::get<wire::Activation>(activation.of).epoch;
}

}  // namespace

Result<void> RingFrames::on_control(wire::NodeId from, wire::ControlType type, std::span<const std::byte> payload) {
  if (type == wire::ControlType::step) {
    EXO_TRY(wire::Step step, wire::decode<wire::Step>(payload));
    if (Ring* ring = ring_(step.epoch)) ring->on_step(from, std::move(step));
    return {};
  }
  EXO_TRY(wire::StepDone done, wire::decode<wire::StepDone>(payload));
  if (Ring* ring = ring_(done.epoch)) ring->on_step_done(from, std::move(done));
  return {};
}

std::optional<std::span<std::byte>> RingFrames::receive_buffer(wire::NodeId from, const wire::FrameHeader& header) {
  Ring* ring = ring_(epoch_of(header));
  auto memory = ring != nullptr ? ring->receive_buffer(from, header) : std::nullopt;
  if (!memory) return std::nullopt;
  return receiving_.insert_or_assign(from, *std::move(memory)).first->second.bytes();
}

void RingFrames::on_activation(wire::NodeId from, const wire::FrameHeader& header) {
  receiving_.erase(from);
  if (Ring* ring = ring_(epoch_of(header))) ring->on_activation(from, header);
}

}  // namespace exogpu::pipeline
