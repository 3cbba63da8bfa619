#include "cluster/detector.h"

#include <algorithm>

namespace exogpu::cluster {

// Smoothed as TCP does it (RFC 6298).
void Detector::received(Time now) {
  if (now <= last_received_) return;
  const Duration late = std::clamp(now - last_received_ - kHeartbeatInterval, Duration{}, kHeartbeatInterval);
  deviation_ += (late - deviation_) / 8;
  last_received_ = now;
  disconnected_at_.reset();
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
  return std::min(kHeartbeatInterval * 5 / 2 + trip + 4 * deviation_, trip > kLocalTrip ? kFarSilence : kLocalSilence);
}

Time Detector::lost_at() const {
  const Time silent = last_received_ + silence_max();
  return disconnected_at_ ? std::min(silent, *disconnected_at_ + kCutGrace) : silent;
}

}  // namespace exogpu::cluster
