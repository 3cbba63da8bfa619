// What nodes measure of themselves, and the messages in which they report it (proto/telemetry.proto).
// docs/telemetry.md describes both for other programs.
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field. Metrics and kinds of a later version
// are skipped.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/frame.h"
#include "wire/messages.h"

namespace exogpu::wire {

inline constexpr uint32_t kTelemetryVersion = 1;
inline constexpr size_t kSubjectsMax = 257;  // of one node: the machine and its devices

// The numbers are those on the wire. A new metric gets a new number below 32.
enum class Metric : uint8_t {
  memory_used_bytes = 0,  // by all processes
  memory_total_bytes = 1,
  utilization = 2,  // 0..1, the share of the time since the last sample that it was busy
  power_w = 3,
  temperature_c = 4,
  clock_mhz = 5,          // of the cores, their mean
  throttling = 6,         // bits, see Throttling
  fan = 7,                // 0..1 of its highest speed
  shard_bytes = 8,        // of the memory used, for shards of this cluster
  charge = 9,             // 0..1, of all batteries together
  on_battery = 10,        // 0 or 1
  cache_free_bytes = 11,  // left for weights on the disk of the cache
  pace = 12,              // 0..1, the share of the time that shards of this cluster may compute
  joules_per_token = 13,  // that it drew while shards computed, for each token that they computed
};
inline constexpr size_t kMetrics = 14;
// As JSON has it: "memory_used_bytes".
std::string_view to_string(Metric metric);

// Why a device computes more slowly than it could.
namespace throttling {
inline constexpr uint32_t kHeat = 1;
inline constexpr uint32_t kPower = 2;  // it is at its power limit
inline constexpr uint32_t kBrake = 4;  // the power supply, or an external signal, slows it down
}  // namespace throttling

// The values of one subject at a time; absent: nothing measures it.
class MetricValues {
 public:
  std::optional<double>& operator[](Metric metric) { return values_[static_cast<size_t>(metric)]; }
  const std::optional<double>& operator[](Metric metric) const { return values_[static_cast<size_t>(metric)]; }
  friend bool operator==(const MetricValues&, const MetricValues&) = default;

 private:
  std::array<std::optional<double>, kMetrics> values_{};
};

enum class SubjectKind : uint8_t { machine = 0, cpu = 1, integrated = 2, discrete = 3 };
std::string_view to_string(SubjectKind kind);

// A thing that has values, and its capabilities.
struct TelemetrySubject {
  std::string id;    // of the device in its node; "machine"
  std::string name;  // for people
  SubjectKind kind = SubjectKind::machine;
  std::string backend{};          // that computes on it: "CUDA"; empty of the machine
  std::vector<Metric> metrics{};  // that it had when its node registered; others may follow
  std::optional<double> temperature_limit_c{};
  friend bool operator==(const TelemetrySubject&, const TelemetrySubject&) = default;
};

// Comes first, and again when the subjects have changed: heartbeats refer to the last one.
struct TelemetryRegistration {
  static constexpr ControlType kType = ControlType::telemetry_registration;
  uint32_t version = kTelemetryVersion;
  uint64_t session = 0;      // chosen by the sender, another one with each registration
  uint32_t interval_ms = 0;  // between samples
  std::vector<TelemetrySubject> subjects{};
  friend bool operator==(const TelemetryRegistration&, const TelemetryRegistration&) = default;
};

struct TelemetryChange {
  uint32_t subject = 0;  // its index in the registration
  Metric metric{};
  std::optional<float> value{};  // absent: nothing measures it any more
  friend bool operator==(const TelemetryChange&, const TelemetryChange&) = default;
};

// The values that have changed; all others are as they were.
struct TelemetryHeartbeat {
  static constexpr ControlType kType = ControlType::telemetry_heartbeat;
  uint32_t version = kTelemetryVersion;
  uint64_t session = 0;
  uint64_t sent_unix_ms = 0;  // by the sender's clock
  std::vector<TelemetryChange> changes{};
  friend bool operator==(const TelemetryHeartbeat&, const TelemetryHeartbeat&) = default;
};

// The receiver sends its telemetry for so long, beside the leader also to the sender.
struct TelemetryWatch {
  static constexpr ControlType kType = ControlType::telemetry_watch;
  uint32_t version = kTelemetryVersion;
  uint32_t seconds = 60;  // at most 600
  friend bool operator==(const TelemetryWatch&, const TelemetryWatch&) = default;
};

enum class Severity : uint8_t { info = 0, warning = 1, critical = 2 };
std::string_view to_string(Severity severity);

inline constexpr size_t kAlertsMax = 1000;
inline constexpr size_t kAlertTextCharsMax = 1000;

// Something that a user should know of. Name, node and subject identify it.
struct Alert {
  std::string name;  // of the rule: "device_hot"
  Severity severity = Severity::warning;
  uint64_t since_unix_ms = 0;
  std::string node{};     // its name; empty: of the cluster
  std::string subject{};  // a device, another node, or a model; empty: of the node
  std::string summary{};  // what was observed, for people
  std::string cause{};    // the likely one
  std::string remedy{};   // what to do
  friend bool operator==(const Alert&, const Alert&) = default;
};

// All alerts that the leader has, whenever they have changed.
struct AlertsReported {
  static constexpr ControlType kType = ControlType::alerts_reported;
  uint32_t version = kTelemetryVersion;
  std::vector<Alert> alerts{};
  friend bool operator==(const AlertsReported&, const AlertsReported&) = default;
};

ByteVector encode(const AlertsReported& message);
ByteVector encode(const TelemetryRegistration& message);
ByteVector encode(const TelemetryHeartbeat& message);
ByteVector encode(const TelemetryWatch& message);

template <>
Result<TelemetryRegistration> decode<TelemetryRegistration>(std::span<const std::byte> bytes);
template <>
Result<TelemetryHeartbeat> decode<TelemetryHeartbeat>(std::span<const std::byte> bytes);
template <>
Result<AlertsReported> decode<AlertsReported>(std::span<const std::byte> bytes);
template <>
Result<TelemetryWatch> decode<TelemetryWatch>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
