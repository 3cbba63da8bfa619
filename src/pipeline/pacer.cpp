#include "pipeline/pacer.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace exogpu::pipeline {
namespace {

// A step costs about as much as so many tokens beside those that it has, since it reads all weights.
constexpr double kStepTokens = 16;
constexpr double kFollow = 0.1;  // of a step at ease: the usual time grows with the context
constexpr size_t kKindsMax = 256;

double in_seconds(Pacer::Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

StepSize size_of(const wire::Step& step) {
  StepSize size;
  if (step.failure || step.replay) return size;
  size.tokens = step.rows();
  size.sequences = step.spans.size();
  for (const wire::Span& span : step.spans) {
    size.outputs += span.targets.size() + (span.sample ? 1 : 0);
    size.context += span.position + (span.count + 1) / 2.0;
  }
  return size;
}

void Pacer::set(const PaceLimits& limits) {
  const MutexLock lock(mutex_);
  limits_ = limits;
}

PaceLimits Pacer::limits() const {
  const MutexLock lock(mutex_);
  return limits_;
}

DeviceWork Pacer::take(Time now) {
  const MutexLock lock(mutex_);
  if (computing_ > 0) work_.busy_s += in_seconds(now - std::exchange(computing_since_, now));
  if (took_s_ > 0) work_.rate = std::clamp(usual_s_ / took_s_, 0.0, 1.0);
  took_s_ = usual_s_ = 0;
  return std::exchange(work_, {});
}

void Pacer::begin(Time now) {
  const MutexLock lock(mutex_);
  if (computing_++ == 0) {
    computing_since_ = now;
    at_a_time_ = false;
  } else {
    at_a_time_ = true;
  }
}

std::vector<StepRecord> Pacer::take_records() {
  const MutexLock lock(mutex_);
  return std::exchange(records_, {});
}

void Pacer::record(const ComputeInfo& info, const StepSize& size, double took_s) {
  const bool as_measured = limits_.at_ease && limits_.threads == 1 && !at_a_time_;
  if (!as_measured || info.content.empty() || records_.size() == kRecordsMax) return;
  records_.push_back({.content = info.content, .layers = info.layers, .size = size, .took_s = took_s});
}

void Pacer::end(const ComputeInfo& info, const StepSize& size, Time began, Time now) {
  const size_t tokens = size.tokens;
  const double took_s = in_seconds(now - began);
  const MutexLock lock(mutex_);
  if (--computing_ == 0) work_.busy_s += in_seconds(now - computing_since_);
  work_.tokens += tokens;
  if (tokens == 0) return;
  const double units = kStepTokens + static_cast<double>(tokens);
  const Kind kind{info.layers.begin, info.layers.end, info.model_layers, info.activation_width,
                  static_cast<uint32_t>(std::bit_width(tokens))};
  if (usual_.size() >= kKindsMax && !usual_.contains(kind)) usual_.clear();
  const auto [found, is_first] = usual_.try_emplace(kind, took_s / units);
  if (limits_.at_ease) found->second += kFollow * (took_s / units - found->second);
  if (is_first) return;  // it may have had to make ready
  record(info, size, took_s);
  took_s_ += took_s;
  usual_s_ += found->second * units;
}

Pacer::Duration Pacer::rest(Duration took) const {
  const double pace = limits().pace;
  if (pace >= 1) return {};
  return std::chrono::duration_cast<Duration>(took * (1 / pace - 1));
}

}  // namespace exogpu::pipeline
