#include "telemetry/reporter.h"

#include <algorithm>
#include <cmath>

namespace exogpu::telemetry {
namespace {

using wire::Metric;

struct Band {
  double absolute = 0, relative = 0;  // a change is larger than both
};

Band band_of(Metric metric) {
  switch (metric) {
    case Metric::memory_used_bytes: return {.absolute = 32.0 * MiB, .relative = 0.005};
    case Metric::utilization: return {.absolute = 0.05};
    case Metric::power_w: return {.absolute = 1, .relative = 0.05};
    case Metric::temperature_c: return {.absolute = 0.9};
    case Metric::clock_mhz: return {.absolute = 50, .relative = 0.05};
    case Metric::fan: return {.absolute = 0.05};
    case Metric::charge: return {.absolute = 0.009};
    case Metric::cache_free_bytes: return {.absolute = 256.0 * MiB, .relative = 0.01};
    case Metric::pace: return {.absolute = 0.05};
    case Metric::joules_per_token: return {.relative = 0.05};
    case Metric::memory_total_bytes:
    case Metric::throttling:
    case Metric::shard_bytes:
    case Metric::on_battery: return {};
  }
  return {};
}

bool is_urgent(Metric metric) { return metric == Metric::throttling || metric == Metric::on_battery; }

std::optional<float> value_of(const std::optional<double>& value) {
  return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
}

// As receivers have it.
std::optional<double> as_reported(const std::optional<double>& value) {
  return value ? std::optional(static_cast<double>(static_cast<float>(*value))) : std::nullopt;
}

}  // namespace

bool is_change(Metric metric, const std::optional<double>& reported, const std::optional<double>& now) {
  if (!reported || !now) return reported.has_value() != now.has_value();
  const Band band = band_of(metric);
  const double difference = std::abs(*now - *reported);
  return difference > band.absolute && difference > band.relative * std::abs(*reported);
}

wire::TelemetryRegistration Reporter::registration() const {
  return {.session = session_, .interval_ms = static_cast<uint32_t>(kSampleEvery.count()), .subjects = subjects_};
}

Report Reporter::welcome(uint64_t unix_ms) const {
  if (subjects_.empty()) return {};
  wire::TelemetryHeartbeat all{.session = session_, .sent_unix_ms = unix_ms};
  for (uint32_t subject = 0; subject < reported_.size(); ++subject) {
    for (size_t number = 0; number < wire::kMetrics; ++number) {
      const auto metric = static_cast<Metric>(number);
      const auto value = value_of(reported_[subject][metric]);
      if (value) all.changes.push_back({.subject = subject, .metric = metric, .value = value});
    }
  }
  return {.registration = registration(), .heartbeat = std::move(all)};
}

Report Reporter::update(const Sample& sample, bool busy, uint64_t unix_ms) {
  if (sample.subjects != subjects_) {
    ++session_;
    subjects_ = sample.subjects;
    reported_.assign(subjects_.size(), {});
    for (size_t i = 0; i < subjects_.size(); ++i) {
      for (size_t number = 0; number < wire::kMetrics; ++number) {
        const auto metric = static_cast<Metric>(number);
        reported_[i][metric] = as_reported(sample.values[i][metric]);
      }
    }
    reported_at_ = sample.at;
    return welcome(unix_ms);
  }
  wire::TelemetryHeartbeat heartbeat{.session = session_, .sent_unix_ms = unix_ms};
  bool urgent = busy || !reported_at_ || sample.at - *reported_at_ >= kIdleEvery;
  for (uint32_t subject = 0; subject < reported_.size(); ++subject) {
    for (size_t number = 0; number < wire::kMetrics; ++number) {
      const auto metric = static_cast<Metric>(number);
      const auto& now = sample.values[subject][metric];
      if (!is_change(metric, reported_[subject][metric], now)) continue;
      urgent = urgent || is_urgent(metric);
      heartbeat.changes.push_back({.subject = subject, .metric = metric, .value = value_of(now)});
    }
  }
  if (!urgent || heartbeat.changes.empty()) return {};
  for (const wire::TelemetryChange& change : heartbeat.changes) {
    reported_[change.subject][change.metric] = as_reported(sample.values[change.subject][change.metric]);
  }
  reported_at_ = sample.at;
  return {.heartbeat = std::move(heartbeat)};
}

}  // namespace exogpu::telemetry
