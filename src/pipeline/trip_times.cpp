#include "pipeline/trip_times.h"

#include <numeric>
#include <utility>

namespace exogpu::pipeline {

void TripTimes::begun(size_t tokens, Time now) {
  alone_.reset();
  if (in_flight_++ == 0 && tokens > 0) alone_ = Alone{.tokens = tokens, .begun = now};
}

void TripTimes::done(const std::vector<uint32_t>& stage_us, Time now) {
  if (in_flight_ > 0) --in_flight_;
  const auto trip = std::exchange(alone_, std::nullopt);
  if (!trip || stage_us.size() < 2 || records_.size() == kRecordsMax) return;
  const double computed_s = std::accumulate(stage_us.begin(), stage_us.end(), 0.0) * 1e-6;
  const double between_s = std::chrono::duration<double>(now - trip->begun).count() - computed_s;
  if (between_s > 0) records_.push_back({.tokens = trip->tokens, .between_s = between_s});
}

std::vector<TripRecord> TripTimes::take() { return std::exchange(records_, {}); }

}  // namespace exogpu::pipeline
