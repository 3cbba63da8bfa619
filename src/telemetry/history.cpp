#include "telemetry/history.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace exogpu::telemetry {
namespace {

constexpr float kAbsent = std::numeric_limits<float>::quiet_NaN();

template <typename Ring>
std::vector<std::optional<float>> last_of(const Ring* ring, uint64_t end, size_t count) {
  std::vector<std::optional<float>> values(count);
  if (ring == nullptr) return values;
  for (size_t back = 1; back <= std::min<uint64_t>({count, end, ring->size()}); ++back) {
    const float value = (*ring)[(end - back) % ring->size()];
    if (!std::isnan(value)) values[count - back] = value;
  }
  return values;
}

}  // namespace

// The means that ended before the sample `until` are stored.
void History::close_means(uint64_t until) {
  const uint64_t end = until / kFineInCoarse;
  if (end == coarse_next_) return;
  const uint64_t first = end - coarse_next_ > kCoarseValues ? end - kCoarseValues : coarse_next_;
  for (size_t metric = 0; metric < wire::kMetrics; ++metric) {
    Column* column = columns_[metric].get();
    if (column == nullptr) continue;
    for (uint64_t i = first; i < end; ++i) column->coarse[i % kCoarseValues] = kAbsent;
    if (column->count > 0 && first == coarse_next_) {
      const bool bits = static_cast<wire::Metric>(metric) == wire::Metric::throttling;
      column->coarse[coarse_next_ % kCoarseValues] =
          bits ? static_cast<float>(column->bits) : static_cast<float>(column->sum / column->count);
    }
    column->sum = 0;
    column->count = column->bits = 0;
  }
  coarse_next_ = end;
}

void History::append(uint64_t number, const wire::MetricValues& values, bool may_grow) {
  close_means(number);
  const uint64_t skipped = std::min<uint64_t>(number - std::min(number, next_), kFineValues);
  for (size_t metric = 0; metric < wire::kMetrics; ++metric) {
    const auto& value = values[static_cast<wire::Metric>(metric)];
    auto& column = columns_[metric];
    if (!column) {
      if (!value || !may_grow) continue;
      column = std::make_unique<Column>();
      column->fine.fill(kAbsent);
      column->coarse.fill(kAbsent);
    }
    for (uint64_t back = 1; back <= skipped; ++back) column->fine[(number - back) % kFineValues] = kAbsent;
    column->fine[number % kFineValues] = value ? static_cast<float>(*value) : kAbsent;
    if (!value) continue;
    column->sum += *value;
    ++column->count;
    if (*value >= 0 && *value < 256) column->bits |= static_cast<uint32_t>(*value);
  }
  next_ = number + 1;
}

std::vector<std::optional<float>> History::samples(wire::Metric metric, size_t count) const {
  const auto& column = columns_[static_cast<size_t>(metric)];
  return last_of(column ? &column->fine : nullptr, next_, std::min(count, kFineValues));
}

std::vector<std::optional<float>> History::means(wire::Metric metric, size_t count) const {
  const auto& column = columns_[static_cast<size_t>(metric)];
  return last_of(column ? &column->coarse : nullptr, coarse_next_, std::min(count, kCoarseValues));
}

Bytes History::bytes() const {
  const auto columns = std::ranges::count_if(columns_, [](const auto& column) { return column != nullptr; });
  return sizeof(History) + static_cast<Bytes>(columns) * sizeof(Column);
}

}  // namespace exogpu::telemetry
