#include "pipeline/ring.h"

#include <algorithm>
#include <format>

#include "base/assert.h"
#include "base/rng.h"
#include "pipeline/control_frame.h"

namespace exogpu::pipeline {

Ring::Ring(RingOptions options, RingHost host)
    : options_(std::move(options)), host_(std::move(host)), alive_(std::make_shared<Ring*>(this)) {}

Ring::~Ring() = default;

void Ring::add(uint32_t index, RetainedStage from, std::string name) {
  auto on_output = [post = host_.post, alive = std::weak_ptr(alive_)](StageOutput output) {
    post([alive, output = std::move(output)]() mutable {
      if (const auto ring = alive.lock()) (*ring)->on_output(std::move(output));
    });
  };
  // Where this node has the stage behind, too, both are lost together.
  const bool sends = index + 1 < options_.nodes.size() && options_.nodes[index + 1] != options_.self;
  StageOptions stage{.index = index,
                     .activations = options_.activations,
                     .name = std::move(name),
                     .sent_bytes_max = sends ? options_.sent_bytes_max : 0,
                     .sketch_secret = random_bits(options_.sketch_secret, index)};
  stages_[index] =
      std::make_unique<Stage>(std::move(from), std::move(stage), host_.make_executor, std::move(on_output));
}

std::map<uint32_t, RetainedStage> Ring::end() {
  std::map<uint32_t, RetainedStage> remains;
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
  host_.post([alive = std::weak_ptr(alive_), why = std::move(why)] {
    if (const auto ring = alive.lock()) (*ring)->host_.on_broken(why);
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
  const auto found = stages_.find(stage);
  EXO_ASSERT(found != stages_.end(), "a step goes to a stage of this node");
  ++in_flight_[stage];
  ++steps_begun_;
  found->second->push(std::move(input));
}

// --- what this node's stages return

void Ring::on_output(StageOutput output) {
  if (broken_) return;
  if (auto* lost = std::get_if<StageLost>(&output)) return broken(std::move(lost->why));
  auto* next = std::get_if<ForwardedStep>(&output);
  size_t& in_flight = in_flight_[next ? next->step.stage - 1 : static_cast<uint32_t>(options_.nodes.size()) - 1];
  EXO_ASSERT(in_flight > 0, "a stage returns each of its steps once");
  --in_flight;
  if (next) return forward(std::move(*next));
  send_done(std::get<wire::StepDone>(std::move(output)));
}

void Ring::forward(ForwardedStep output) {
  const wire::NodeId node = options_.nodes.at(output.step.stage);
  if (node == options_.self) {
    push({.step = std::move(output.step),
          .tokens = {},
          .activations = std::move(output.activations),
          .dtype = options_.activations});
    return;
  }
  auto sent = host_.send(node, control_frame(output.step));
  if (sent && output.step.carries()) {
    const wire::Span& first = output.step.spans.front();
    net::Outgoing frame;
    frame.header.of = wire::Activation{.epoch = options_.epoch,
                                       .sequence = first.sequence,
                                       .position = first.position,
                                       .rows = static_cast<uint32_t>(output.step.rows()),
                                       .columns = options_.activation_width,
                                       .dtype = options_.activations};
    frame.lane = net::Lane::ordered;
    frame.payload = {output.activations.bytes()};
    frame.owner = output.activations.owner();
    sent = host_.send(node, std::move(frame));
  }
  if (!sent) broken(std::move(sent).error());
}

void Ring::send_done(wire::StepDone done) {
  const wire::NodeId first = options_.nodes.front();
  if (first == options_.self) return host_.on_done(std::move(done));
  if (auto sent = host_.send(first, control_frame(done)); !sent) broken(std::move(sent).error());
}

// --- what other nodes send

bool Ring::from_previous_stage(uint32_t stage, wire::NodeId from) const {
  return stage > 0 && stage < options_.nodes.size() && stages_.contains(stage) && options_.nodes[stage - 1] == from;
}

// A channel that broke and is open again has lost what was in flight. The steps behind it would be computed
// with other KV caches than the first stage's node counts on.
bool Ring::follows(uint64_t number, uint64_t& last, wire::NodeId from) {
  if (number == last + 1) {
    last = number;
    return true;
  }
  broken({ErrorCode::unavailable, std::format("step {} came from node {} after step {}; what was between is lost",
                                              number, from.short_text(), last)});
  return false;
}

Result<void> Ring::check_step(wire::NodeId from, const wire::Step& step) const {
  // The first stage begins no more steps than this before one is back.
  const size_t most = steps_in_flight_max(options_.nodes.size());
  const auto in_flight = in_flight_.find(step.stage);
  if (in_flight != in_flight_.end() && in_flight->second >= most) {
    return fail(ErrorCode::corrupt,
                "node {} sent stage {} a step while {} are in flight, which is all that a ring of {} has",
                from.short_text(), step.stage, most, options_.nodes.size());
  }
  if (step.rows() > options_.batch_tokens) {
    return fail(ErrorCode::corrupt, "node {} sent a step of {} tokens, at most {} were agreed", from.short_text(),
                step.rows(), options_.batch_tokens);
  }
  return {};
}

void Ring::on_step(wire::NodeId from, wire::Step step) {
  if (step.epoch != options_.epoch || broken_) return;
  if (!from_previous_stage(step.stage, from)) {
    return broken({ErrorCode::invalid_argument, std::format("node {} sent a step for stage {}, which is not its next",
                                                            from.short_text(), step.stage)});
  }
  if (arriving_.contains(from)) {
    return broken({ErrorCode::corrupt, std::format("node {} sent a step without activations", from.short_text())});
  }
  if (!follows(step.number, last_step_[step.stage], from)) return;
  if (auto checked = check_step(from, step); !checked) return broken(std::move(checked).error());
  if (step.carries()) {
    arriving_.emplace(from, Arriving{.step = std::move(step), .memory = {}});
    return;
  }
  push({.step = std::move(step), .tokens = {}, .activations = {}});
}

std::optional<Buffer> Ring::receive_buffer(wire::NodeId from, const wire::FrameHeader& header) {
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
  found->second.memory = stages_.at(found->second.step.stage)->receive_buffer(header.payload_bytes);
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
  host_.on_done(std::move(done));
}

}  // namespace exogpu::pipeline
