// How much of a device other programs use.
#pragma once

#include <optional>

namespace exogpu::telemetry {

// Pure. One for each device.
class OthersLoad {
 public:
  // Some time, at most a few seconds: how busy the device was (0..1), and with what this process did (0..1). While
  // shards compute (`busy`, 0..1 of the time), a device that is always busy says nothing, and other nodes of this
  // machine compute by turns with them: that time does not count.
  void update(std::optional<double> utilization, double own, double busy, double elapsed_s);
  // 0..1, a mean of some minutes; absent before anything is known.
  std::optional<double> share() const { return mean_; }

 private:
  std::optional<double> mean_;
};

}  // namespace exogpu::telemetry
