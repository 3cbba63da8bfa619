#include "wire/telemetry.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "proto/telemetry.pb.h"
#include "wire/cluster_coding.h"

namespace exogpu::wire {
namespace {

constexpr uint32_t kMetricsOfSubject = 32;
constexpr uint32_t kIntervalMsMax = 3'600'000;
constexpr uint32_t kWatchSecondsMax = 600;

Result<TelemetrySubject> subject_of(const proto::TelemetrySubject& in) {
  TelemetrySubject out;
  EXO_TRY(out.id, name_of(in.id(), "the id of a telemetry subject"));
  EXO_TRY(out.name, name_of(in.name(), "the name of a telemetry subject"));
  EXO_TRY(out.backend, name_of(in.backend(), "the backend of a telemetry subject"));
  out.kind = static_cast<SubjectKind>(std::min(in.kind(), static_cast<uint32_t>(SubjectKind::discrete)));
  EXO_CHECK(within(in.metrics_size(), kMetricsOfSubject, "the metrics of a telemetry subject"));
  for (const uint32_t metric : in.metrics()) {
    if (metric < kMetrics) out.metrics.push_back(static_cast<Metric>(metric));
  }
  if (in.has_temperature_limit_c()) {
    if (!std::isfinite(in.temperature_limit_c())) {
      return fail(ErrorCode::corrupt, "a telemetry subject whose limit is no temperature");
    }
    out.temperature_limit_c = in.temperature_limit_c();
  }
  return out;
}

Result<Alert> alert_of(const proto::Alert& in) {
  Alert out;
  EXO_TRY(out.name, name_of(in.name(), "the name of an alert"));
  EXO_TRY(out.node, name_of(in.node(), "the node of an alert"));
  EXO_TRY(out.subject, name_of(in.subject(), "the subject of an alert"));
  EXO_TRY(out.summary, name_of(in.summary(), "the summary of an alert", kAlertTextCharsMax));
  EXO_TRY(out.cause, name_of(in.cause(), "the cause of an alert", kAlertTextCharsMax));
  EXO_TRY(out.remedy, name_of(in.remedy(), "the remedy of an alert", kAlertTextCharsMax));
  out.severity = static_cast<Severity>(std::min(in.severity(), static_cast<uint32_t>(Severity::critical)));
  out.since_unix_ms = in.since_unix_ms();
  return out;
}

}  // namespace

std::string_view to_string(Metric metric) {
  switch (metric) {
    case Metric::memory_used_bytes: return "memory_used_bytes";
    case Metric::memory_total_bytes: return "memory_total_bytes";
    case Metric::utilization: return "utilization";
    case Metric::power_w: return "power_w";
    case Metric::temperature_c: return "temperature_c";
    case Metric::clock_mhz: return "clock_mhz";
    case Metric::throttling: return "throttling";
    case Metric::fan: return "fan";
    case Metric::shard_bytes: return "shard_bytes";
    case Metric::charge: return "charge";
    case Metric::on_battery: return "on_battery";
    case Metric::cache_free_bytes: return "cache_free_bytes";
    case Metric::pace: return "pace";
    case Metric::joules_per_token: return "joules_per_token";
  }
  return "unknown";
}

std::string_view to_string(SubjectKind kind) {
  switch (kind) {
    case SubjectKind::machine: return "machine";
    case SubjectKind::cpu: return "cpu";
    case SubjectKind::integrated: return "integrated";
    case SubjectKind::discrete: return "discrete";
  }
  return "unknown";
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::info: return "info";
    case Severity::warning: return "warning";
    case Severity::critical: return "critical";
  }
  return "unknown";
}

ByteVector encode(const TelemetryRegistration& message) {
  proto::TelemetryRegistration out;
  out.set_version(message.version);
  out.set_session(message.session);
  out.set_interval_ms(message.interval_ms);
  for (const TelemetrySubject& subject : message.subjects) {
    auto* added = out.add_subjects();
    added->set_id(text(subject.id));
    added->set_name(text(subject.name));
    added->set_kind(static_cast<uint32_t>(subject.kind));
    added->set_backend(text(subject.backend));
    for (const Metric metric : subject.metrics) added->add_metrics(static_cast<uint32_t>(metric));
    if (subject.temperature_limit_c) {
      added->set_temperature_limit_c(static_cast<float>(*subject.temperature_limit_c));
    }
  }
  return serialize(out);
}

template <>
Result<TelemetryRegistration> decode<TelemetryRegistration>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::TelemetryRegistration>(bytes, "telemetry registration"));
  TelemetryRegistration out{.version = in.version(),
                            .session = in.session(),
                            .interval_ms = std::clamp(in.interval_ms(), 1U, kIntervalMsMax)};
  EXO_CHECK(within(in.subjects_size(), kSubjectsMax, "the subjects of a telemetry registration"));
  for (const proto::TelemetrySubject& field : in.subjects()) {
    EXO_TRY(TelemetrySubject subject, subject_of(field));
    out.subjects.push_back(std::move(subject));
  }
  return out;
}

ByteVector encode(const TelemetryHeartbeat& message) {
  proto::TelemetryHeartbeat out;
  out.set_version(message.version);
  out.set_session(message.session);
  out.set_sent_unix_ms(message.sent_unix_ms);
  for (const TelemetryChange& change : message.changes) {
    out.add_keys(change.subject * kMetricsOfSubject + static_cast<uint32_t>(change.metric));
    out.add_values(change.value.value_or(std::numeric_limits<float>::quiet_NaN()));
  }
  return serialize(out);
}

template <>
Result<TelemetryHeartbeat> decode<TelemetryHeartbeat>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::TelemetryHeartbeat>(bytes, "telemetry heartbeat"));
  TelemetryHeartbeat out{.version = in.version(), .session = in.session(), .sent_unix_ms = in.sent_unix_ms()};
  EXO_CHECK(within(in.keys_size(), kSubjectsMax * kMetricsOfSubject, "the values of a telemetry heartbeat"));
  if (in.keys_size() != in.values_size()) {
    return fail(ErrorCode::corrupt, "a telemetry heartbeat of {} keys and {} values", in.keys_size(), in.values_size());
  }
  for (int i = 0; i < in.keys_size(); ++i) {
    const uint32_t metric = in.keys(i) % kMetricsOfSubject, subject = in.keys(i) / kMetricsOfSubject;
    const float value = in.values(i);
    if (subject >= kSubjectsMax || std::isinf(value)) {
      return fail(ErrorCode::corrupt, "a telemetry heartbeat with the value {} of subject {}", value, subject);
    }
    if (metric >= kMetrics) continue;
    out.changes.push_back({.subject = subject,
                           .metric = static_cast<Metric>(metric),
                           .value = std::isnan(value) ? std::nullopt : std::optional(value)});
  }
  return out;
}

ByteVector encode(const AlertsReported& message) {
  proto::AlertsReported out;
  out.set_version(message.version);
  for (const Alert& alert : message.alerts) {
    if (static_cast<size_t>(out.alerts_size()) == kAlertsMax) break;
    auto* added = out.add_alerts();
    added->set_name(text(alert.name));
    added->set_severity(static_cast<uint32_t>(alert.severity));
    added->set_since_unix_ms(alert.since_unix_ms);
    added->set_node(text(alert.node));
    added->set_subject(text(alert.subject));
    added->set_summary(text(alert.summary, kAlertTextCharsMax));
    added->set_cause(text(alert.cause, kAlertTextCharsMax));
    added->set_remedy(text(alert.remedy, kAlertTextCharsMax));
  }
  return serialize(out);
}

template <>
Result<AlertsReported> decode<AlertsReported>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::AlertsReported>(bytes, "alerts reported"));
  EXO_CHECK(within(in.alerts_size(), kAlertsMax, "the alerts of a message"));
  AlertsReported out{.version = in.version()};
  for (const proto::Alert& field : in.alerts()) {
    EXO_TRY(Alert alert, alert_of(field));
    out.alerts.push_back(std::move(alert));
  }
  return out;
}

ByteVector encode(const TelemetryWatch& message) {
  proto::TelemetryWatch out;
  out.set_version(message.version);
  out.set_seconds(message.seconds);
  return serialize(out);
}

template <>
Result<TelemetryWatch> decode<TelemetryWatch>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::TelemetryWatch>(bytes, "telemetry watch"));
  return TelemetryWatch{.version = in.version(), .seconds = std::min(in.seconds(), kWatchSecondsMax)};
}

}  // namespace exogpu::wire
