#include "cluster/detector.h"

#include <algorithm>

namespace exogpu::cluster {

// Smoothed as TCP does it (RFC 6298).
void Detector::heard(Time now) {
  if (now <= heard_) return;
  const Duration late = std::clamp(now - heard_ - kBeat, Duration{}, kBeat);
  deviation_ += (late - deviation_) / 8;
  heard_ = now;
  cut_.reset();
}

void Detector::measured(Duration round_trip) {
  if (!round_trip_) {
    round_trip_ = round_trip;
    return;
  }
  const Duration off = round_trip > *round_trip_ ? round_trip - *round_trip_ : *round_trip_ - round_trip;
  if (off > deviation_) deviation_ += (off - deviation_) / 4;
  *round_trip_ += (round_trip - *round_trip_) / 8;
}

Duration Detector::silence_max() const {
  const Duration trip = round_trip_.value_or(Duration{});
  return std::min(kBeat * 5 / 2 + trip + 4 * deviation_, trip > kLocalTrip ? kFarSilence : kLocalSilence);
}

Time Detector::lost_at() const {
  const Time silent = heard_ + silence_max();
  return cut_ ? std::min(silent, *cut_ + kCutGrace) : silent;
}

}  // namespace exogpu::cluster
