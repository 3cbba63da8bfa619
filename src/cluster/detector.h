// Whether another node is still there: from when it was last heard, and how regularly it is.
#pragma once

#include <chrono>
#include <optional>

namespace exogpu::cluster {

// Of a clock that never goes back; where it begins does not matter.
using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

inline constexpr Duration kHeartbeatInterval = std::chrono::milliseconds(300);  // between heartbeats
inline constexpr Duration kLocalTrip = std::chrono::milliseconds(50);  // round trips of a local network are shorter
inline constexpr Duration kLocalSilence = std::chrono::milliseconds(900);
inline constexpr Duration kFarSilence = std::chrono::milliseconds(3000);
inline constexpr Duration kCutGrace = std::chrono::milliseconds(200);  // for a channel that broke to be opened again

// A node counts as lost when it was silent for two beats and a half, and what its round trips and delays so far allow
// on top; on a local network in no case longer than kLocalSilence.
class Detector {
 public:
  explicit Detector(Time now) : last_received_(now) {}

  // A sign of life that shows that both directions work.
  void received(Time now);
  void measured(Duration round_trip);
  // The channel to it broke, or is back.
  void disconnected(Time now) {
    if (!disconnected_at_) disconnected_at_ = now;
  }
  void reconnected() { disconnected_at_.reset(); }
  // Whoever listens was held up so long: what came meanwhile waits to be heard.
  void extend(Duration held_up) { last_received_ += held_up; }

  Duration silence_max() const;
  Time lost_at() const;  // if nothing is heard until then
  bool lost(Time now) const { return now >= lost_at(); }
  Time last_received() const { return last_received_; }
  std::optional<Duration> round_trip() const { return round_trip_; }  // smoothed
  bool is_disconnected() const { return disconnected_at_.has_value(); }

 private:
  Time last_received_;
  std::optional<Time> disconnected_at_;
  std::optional<Duration> round_trip_;
  Duration deviation_{};  // of round trips, and of the times between readings of life
};

}  // namespace exogpu::cluster
