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
  if (computing_++ == 0) computing_since_ = now;
}

void Pacer::end(const ComputeInfo& info, size_t tokens, Time began, Time now) {
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
  took_s_ += took_s;
  usual_s_ += found->second * units;
}

Pacer::Duration Pacer::rest(Duration took) const {
  const double pace = limits().pace;
  if (pace >= 1) return {};
  return std::chrono::duration_cast<Duration>(took * (1 / pace - 1));
}

}  // namespace exogpu::pipeline
