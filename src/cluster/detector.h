// Failure detection: whether another node is reachable, by the time of its last message and their regularity.
#pragma once

#include <chrono>
#include <optional>

namespace exogpu::cluster {

// Of a monotonic clock.
using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

inline constexpr Duration kHeartbeatInterval = std::chrono::milliseconds(300);  // between heartbeats
inline constexpr Duration kLocalTrip = std::chrono::milliseconds(50);  // round trips of a local network are shorter
inline constexpr Duration kLocalSilence = std::chrono::milliseconds(900);
inline constexpr Duration kFarSilence = std::chrono::milliseconds(3000);
inline constexpr Duration kCutGrace = std::chrono::milliseconds(200);  // for a broken channel to be opened again

// A node is lost after a silence of two and a half heartbeat intervals plus an allowance for its round trip and jitter,
// on a local network at most kLocalSilence.
class Detector {
 public:
  explicit Detector(Time now) : last_received_(now) {}

  // A message arrived that proves that both directions work.
  void received(Time now);
  void measured(Duration round_trip);
  // The channel to the node broke, or is open again.
  void disconnected(Time now) {
    if (!disconnected_at_) disconnected_at_ = now;
  }
  void reconnected() { disconnected_at_.reset(); }
  // This node itself was delayed so long: messages that arrived meanwhile wait to be read.
  void extend(Duration delay) { last_received_ += delay; }

  Duration silence_max() const;
  Time lost_at() const;  // unless a message arrives before
  bool lost(Time now) const { return now >= lost_at(); }
  Time last_received() const { return last_received_; }
  std::optional<Duration> round_trip() const { return round_trip_; }  // smoothed
  bool is_disconnected() const { return disconnected_at_.has_value(); }

 private:
  Time last_received_;
  std::optional<Time> disconnected_at_;
  std::optional<Duration> round_trip_;
  Duration deviation_{};  // of round trips, and of the intervals between messages
};

}  // namespace exogpu::cluster
