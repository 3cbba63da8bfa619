// What the values of one subject were: ten minutes of samples, and a day of means over ten seconds.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/units.h"
#include "wire/telemetry.h"

namespace exogpu::telemetry {

inline constexpr size_t kFineValues = 1200;    // one for each 0.5 s
inline constexpr size_t kCoarseValues = 8640;  // one for each 10 s
inline constexpr size_t kFineInCoarse = 20;

// A metric takes memory once it has had a value: 39 KB. Absent values are NaN in the rings.
class History {
 public:
  // Appends the values of the sample with this number; numbers only increase. Those in between are absent. Metrics that
  // had no value before are left out unless it `may_grow`.
  void append(uint64_t number, const wire::MetricValues& values, bool may_grow = true);

  // The last `count` values of samples, or of means, the oldest first; the last is that of the last number appended.
  std::vector<std::optional<float>> samples(wire::Metric metric, size_t count) const;
  std::vector<std::optional<float>> means(wire::Metric metric, size_t count) const;
  Bytes bytes() const;

 private:
  struct Column {
    std::array<float, kFineValues> fine;
    std::array<float, kCoarseValues> coarse;
    double sum = 0;  // of the present ten seconds
    uint32_t count = 0;
    uint32_t bits = 0;  // of a metric that has bits
  };
  void close_means(uint64_t until);

  std::array<std::unique_ptr<Column>, wire::kMetrics> columns_;
  uint64_t next_ = 0;         // number of the next sample
  uint64_t coarse_next_ = 0;  // number of the mean that is being made
};

}  // namespace exogpu::telemetry
