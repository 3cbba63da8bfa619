#include "pipeline/ring.h"

#include <algorithm>
#include <format>

namespace exogpu::pipeline {

Ring::Ring(RingOptions options, RingSurroundings surroundings)
    : options_(std::move(options)), surroundings_(std::move(surroundings)), alive_(std::make_shared<Ring*>(this)) {}

Ring::~Ring() = default;

void Ring::add(uint32_t index, StageRemains from, std::string name) {
  auto on_output = [post = surroundings_.post, alive = std::weak_ptr(alive_)](StageOutput output) {
    post([alive, output = std::move(output)]() mutable {
      if (const auto ring = alive.lock()) (*ring)->on_output(std::move(output));
    });
  };
  // Who has the stage behind, too, is lost with it.
  const bool sends = index + 1 < options_.nodes.size() && options_.nodes[index + 1] != options_.self;
  StageOptions stage{.index = index,
                     .activations = options_.activations,
                     .name = std::move(name),
                     .busy_wait = surroundings_.busy_wait,
                     .sent_bytes_max = sends ? options_.sent_bytes_max : 0};
  stages_[index] = std::make_unique<Stage>(std::move(from), std::move(stage), std::move(on_output));
}

std::map<uint32_t, StageRemains> Ring::end() {
  std::map<uint32_t, StageRemains> remains;
  for (auto& [index, stage] : stages_) remains.emplace(index, stage->end());
  stages_.clear();
  return remains;
}

bool Ring::complete() const {
  for (uint32_t i = 0; i < options_.nodes.size(); ++i) {
    if (options_.nodes[i] == options_.self && !stages_.contains(i)) return false;
  }
  return true;
}

void Ring::broken(Error why) {
  if (std::exchange(broken_, true)) return;
  surroundings_.post([alive = std::weak_ptr(alive_), why = std::move(why)] {
    if (const auto ring = alive.lock()) (*ring)->surroundings_.on_broken(why);
  });
}

void Ring::begin(Work work) {
  const auto first = stages_.find(0);
  if (first == stages_.end()) return broken({ErrorCode::internal, "a step begins on a node without the first stage"});
  work.step.stage = 0;
  push({.step = std::move(work.step), .tokens = std::move(work.tokens), .activations = {}});
}

void Ring::push(StageInput input) {
  const uint32_t stage = input.step.stage;
  ++under_way_[stage];
  ++steps_begun_;
  stages_.at(stage)->push(std::move(input));
}

// --- what this node's stages return

void Ring::on_output(StageOutput output) {
  if (broken_) return;
  if (auto* next = std::get_if<StageHandOn>(&output)) {
    --under_way_[next->step.stage - 1];
    return hand_on(std::move(*next));
  }
  --under_way_[static_cast<uint32_t>(options_.nodes.size()) - 1];
  send_done(std::get<wire::StepDone>(std::move(output)));
}

void Ring::hand_on(StageHandOn output) {
  const uint32_t to = output.step.stage;
  const wire::NodeId node = options_.nodes.at(to);
  if (node == options_.self) {
    push({.step = std::move(output.step),
          .tokens = {},
          .activations = std::move(output.activations),
          .dtype = options_.activations});
    return;
  }
  const auto rows = static_cast<uint32_t>(output.step.rows());
  auto sent = send(node, wire::ControlType::step, wire::encode(output.step));
  if (sent && output.step.carries()) {
    const wire::Span& first = output.step.spans.front();
    net::Outgoing frame;
    frame.header.of = wire::Activation{.epoch = options_.epoch,
                                       .sequence = first.sequence,
                                       .position = first.position,
                                       .rows = rows,
                                       .columns = options_.activation_width,
                                       .dtype = options_.activations};
    frame.lane = net::Lane::ordered;
    frame.payload = {output.activations.bytes()};
    frame.owner = output.activations.owner();
    sent = surroundings_.send(node, std::move(frame));
  }
  if (!sent) broken(std::move(sent).error());
}

void Ring::send_done(wire::StepDone done) {
  const wire::NodeId first = options_.nodes.front();
  if (first == options_.self) return surroundings_.on_done(std::move(done));
  if (auto sent = send(first, wire::ControlType::step_done, wire::encode(done)); !sent) {
    broken(std::move(sent).error());
  }
}

Result<void> Ring::send(wire::NodeId to, wire::ControlType type, wire::ByteVector bytes) {
  auto kept = std::make_shared<const wire::ByteVector>(std::move(bytes));
  net::Outgoing frame;
  frame.header.of = wire::Control{type};
  frame.lane = net::Lane::ordered;
  frame.payload = {*kept};
  frame.owner = kept;
  return surroundings_.send(to, std::move(frame));
}

// --- what comes from other nodes

bool Ring::comes_from_before(uint32_t stage, wire::NodeId from) const {
  return stage > 0 && stage < options_.nodes.size() && stages_.contains(stage) && options_.nodes[stage - 1] == from;
}

// A channel that broke and is open again has lost what was on its way. To go on behind that would compute with caches
// that hold something else than the first stage's node believes.
bool Ring::follows(uint64_t number, uint64_t& last, wire::NodeId from) {
  if (number == last + 1) {
    last = number;
    return true;
  }
  broken({ErrorCode::unavailable, std::format("step {} came from node {} after step {}; what was between is lost",
                                              number, from.short_text(), last)});
  return false;
}

void Ring::on_step(wire::NodeId from, wire::Step step) {
  if (step.epoch != options_.epoch || broken_) return;
  if (!comes_from_before(step.stage, from)) {
    return broken({ErrorCode::invalid_argument, std::format("node {} sent a step for stage {}, which is not its next",
                                                            from.short_text(), step.stage)});
  }
  if (arriving_.contains(from)) {
    return broken({ErrorCode::corrupt, std::format("node {} sent a step without activations", from.short_text())});
  }
  if (!follows(step.number, last_step_[step.stage], from)) return;
  // The first stage begins no more steps than this before one is back.
  if (const size_t most = steps_under_way_max(options_.nodes.size()); under_way_[step.stage] >= most) {
    return broken({ErrorCode::corrupt, std::format("node {} sent stage {} a step while {} are under way, which is all "
                                                   "that a ring of {} has",
                                                   from.short_text(), step.stage, most, options_.nodes.size())});
  }
  if (step.rows() > options_.batch_tokens) {
    return broken({ErrorCode::corrupt, std::format("node {} sent a step of {} tokens, at most {} were agreed",
                                                   from.short_text(), step.rows(), options_.batch_tokens)});
  }
  if (step.carries()) {
    arriving_.emplace(from, Arriving{.step = std::move(step), .memory = {}});
    return;
  }
  push({.step = std::move(step), .tokens = {}, .activations = {}});
}

std::optional<Buffer> Ring::place(wire::NodeId from, const wire::FrameHeader& header) {
  const auto& activation = std::get<wire::Activation>(header.of);
  if (activation.epoch != options_.epoch || broken_) return std::nullopt;
  const auto found = arriving_.find(from);
  if (found == arriving_.end() || !found->second.memory.empty() || activation.rows != found->second.step.rows() ||
      activation.columns != options_.activation_width ||
      activation.sequence != found->second.step.spans.front().sequence ||
      activation.position != found->second.step.spans.front().position || activation.dtype != options_.activations) {
    broken({ErrorCode::corrupt, std::format("node {} sent activations that belong to no step", from.short_text())});
    return std::nullopt;
  }
  found->second.memory = stages_.at(found->second.step.stage)->memory(header.payload_bytes);
  return found->second.memory;
}

void Ring::on_activation(wire::NodeId from, const wire::FrameHeader& header) {
  const auto found = arriving_.find(from);
  if (found == arriving_.end() || found->second.memory.empty()) return;
  Arriving arrived = std::move(found->second);
  arriving_.erase(found);
  push({.step = std::move(arrived.step),
        .tokens = {},
        .activations = std::move(arrived.memory),
        .dtype = std::get<wire::Activation>(header.of).dtype});
}

void Ring::on_step_done(wire::NodeId from, wire::StepDone done) {
  if (done.epoch != options_.epoch || broken_) return;
  if (options_.nodes.front() != options_.self || options_.nodes.back() != from) {
    return broken({ErrorCode::invalid_argument,
                   std::format("node {} says that a step is done, and is not the last", from.short_text())});
  }
  if (!follows(done.number, last_done_, from)) return;
  surroundings_.on_done(std::move(done));
}

}  // namespace exogpu::pipeline
