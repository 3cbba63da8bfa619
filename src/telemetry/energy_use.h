// How much energy a device takes for a token.
#pragma once

#include <cstdint>
#include <optional>

namespace exogpu::telemetry {

// Pure. One for each device.
class EnergyUse {
 public:
  // Some time, at most a few seconds, in which shards computed for `busy_s` of it and completed so many tokens. Times
  // without work, or without a sensor of the power, do not count.
  void update(std::optional<double> power_w, double elapsed_s, double busy_s, uint64_t tokens);
  // All that the device drew while it computed, with the pauses between steps, for each token that went through its
  // layers, of a prompt or of an answer: a mean of the last minute of computing. Absent before anything is known.
  std::optional<double> joules_per_token() const;

 private:
  double joules_ = 0, tokens_ = 0;  // with older ones counting less
};

}  // namespace exogpu::telemetry
