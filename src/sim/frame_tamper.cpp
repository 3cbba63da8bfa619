#include "sim/frame_tamper.h"

#include <algorithm>

#include "pipeline/testing/fake_model.h"

namespace exogpu::sim {

using wire::ControlType;

namespace {

constexpr uint64_t kFlood = 8;  // steps more with each

std::vector<Frame> only(Frame frame) {
  std::vector<Frame> frames;
  frames.push_back(std::move(frame));
  return frames;
}

}  // namespace

std::vector<Frame> FrameTamper::tamper(uint32_t from, uint32_t to, Frame frame) {
  if (bug_ == InjectedBug::none) return only(std::move(frame));
  const Link link(from, to);
  if (is(frame, ControlType::step)) return on_step(link, std::move(frame));
  if (std::holds_alternative<wire::Activation>(frame.header.of)) return on_activation(link, std::move(frame));
  if (is(frame, ControlType::generated) && is_lost(frame)) return {};
  return only(std::move(frame));
}

bool FrameTamper::is_lost(const Frame& generated) {
  if (done_) return false;
  const auto message = wire::decode<wire::Generated>(generated.payload);
  const bool last = message && message->end.has_value();
  done_ = (bug_ == InjectedBug::token_dropped && message && !message->tokens.empty() && !last) ||
          (bug_ == InjectedBug::end_dropped && last);
  return done_;
}

std::vector<Frame> FrameTamper::on_step(const Link& link, Frame frame) {
  wire::Step step = *wire::decode<wire::Step>(frame.payload);
  replays_.erase(link);
  drops_.erase(link);
  if (step.replay && step.carries()) replays_.insert(link);
  switch (bug_) {
    case InjectedBug::step_dropped: {
      if (!done_ && !step.changes.empty()) {
        done_ = true;
        renumbered_[link] = {step.epoch, -1};
        if (step.carries()) drops_.insert(link);
        return {};
      }
      const auto renumbered = renumbered_.find(link);
      if (renumbered == renumbered_.end() || renumbered->second.first != step.epoch) return only(std::move(frame));
      --step.number;
      return only(frame_of(step));
    }
    case InjectedBug::queue_bound_ignored: return flood(link, std::move(step));
    case InjectedBug::resume_miscounted:
      if (!step.resume) return only(std::move(frame));
      for (uint32_t& tokens : step.resume->tokens) tokens -= std::min(tokens, 1U);
      return only(frame_of(step));
    case InjectedBug::frames_reordered:
      if (!step.carries()) return only(std::move(frame));
      delayed_.insert_or_assign(link, std::move(frame));
      return {};
    default: return only(std::move(frame));
  }
}

// Steps that do nothing precede each, and all are renumbered.
std::vector<Frame> FrameTamper::flood(const Link& link, wire::Step step) {
  auto& [epoch, more] = renumbered_[link];
  if (epoch != step.epoch) {
    epoch = step.epoch;
    more = 0;
  }
  std::vector<Frame> frames;
  for (uint64_t i = 0; i < kFlood; ++i) {
    frames.push_back(frame_of(
        wire::Step{.epoch = step.epoch, .stage = step.stage, .number = step.number + static_cast<uint64_t>(more) + i}));
  }
  more += kFlood;
  step.number += static_cast<uint64_t>(more);
  frames.push_back(frame_of(step));
  return frames;
}

std::vector<Frame> FrameTamper::on_activation(const Link& link, Frame frame) {
  if (drops_.erase(link) > 0) return {};
  if (bug_ == InjectedBug::row_changed && !done_) {
    done_ = true;
    frame.payload.back() ^= std::byte{1};
  }
  if (bug_ == InjectedBug::replay_row_shifted && replays_.contains(link)) {
    constexpr size_t row = sizeof(pipeline::testing::FakeCompute::Row);
    std::ranges::rotate(frame.payload, frame.payload.begin() + static_cast<ptrdiff_t>(row));
  }
  std::vector<Frame> frames = only(std::move(frame));
  if (auto step = delayed_.extract(link)) frames.push_back(std::move(step.mapped()));
  return frames;
}

}  // namespace exogpu::sim
