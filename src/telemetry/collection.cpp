#include "telemetry/collection.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "telemetry/suitability.h"

namespace exogpu::telemetry {
namespace {

// Of a node whose clock is read with each heartbeat: the delay of single ones must not count.
constexpr double kOffsetShare = 0.25;

double in_seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

// The history belongs to the subject's id.
void Collection::set_subjects(Entry& entry, const std::vector<wire::TelemetrySubject>& subjects) {
  std::vector<Subject> before = std::exchange(entry.subjects, {});
  for (const wire::TelemetrySubject& subject : subjects) {
    const auto same = std::ranges::find(before, subject.id, [](const Subject& each) { return each.subject.id; });
    Subject added;
    if (same != before.end()) added = std::move(*same);
    added.subject = subject;
    added.values = {};
    entry.subjects.push_back(std::move(added));
  }
}

void Collection::on_registration(wire::NodeId node, const wire::TelemetryRegistration& registration, Time now) {
  Entry& entry = nodes_[node];
  entry.session = registration.session;
  entry.lost = false;
  entry.heard_at = now;
  set_subjects(entry, registration.subjects);
}

void Collection::on_heartbeat(wire::NodeId node, const wire::TelemetryHeartbeat& heartbeat, Time now,
                              uint64_t unix_ms) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || found->second.lost || found->second.session != heartbeat.session) return;
  Entry& entry = found->second;
  entry.heard_at = now;
  const double offset_s = (static_cast<double>(heartbeat.sent_unix_ms) - static_cast<double>(unix_ms)) * 1e-3;
  const double before = entry.clock_offset_s.value_or(offset_s);
  // A message may come late and never early: what is ahead counts at once.
  entry.clock_offset_s = offset_s > before ? offset_s : before + kOffsetShare * (offset_s - before);
  for (const wire::TelemetryChange& change : heartbeat.changes) {
    if (change.subject >= entry.subjects.size()) continue;
    auto& value = entry.subjects[change.subject].values[change.metric];
    value = change.value ? std::optional(static_cast<double>(*change.value)) : std::nullopt;
  }
}

void Collection::on_sample(wire::NodeId self, const Sample& sample) {
  Entry& entry = nodes_[self];
  entry.heard_at = sample.at;
  const bool same = std::ranges::equal(entry.subjects, sample.subjects, {}, &Subject::subject);
  if (!same) set_subjects(entry, sample.subjects);
  for (size_t i = 0; i < entry.subjects.size(); ++i) entry.subjects[i].values = sample.values[i];
}

void Collection::on_lost(wire::NodeId node) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  found->second.lost = true;
  for (Subject& subject : found->second.subjects) subject.values = {};
}

void Collection::advance(Time now) {
  if (!began_at_) began_at_ = now;
  // The nearest: no sample is missed because one came a little late.
  const auto number = static_cast<uint64_t>(std::max<int64_t>(0, (now - *began_at_ + kSampleEvery / 2) / kSampleEvery));
  if (bytes() >= kHistoryBytesMax) std::erase_if(nodes_, [](const auto& node) { return node.second.lost; });
  const bool may_grow = bytes() < kHistoryBytesMax;
  for (auto& [node, entry] : nodes_) {
    for (Subject& subject : entry.subjects) subject.history.append(number, subject.values, may_grow);
  }
}

SubjectTelemetry Collection::telemetry_of(const Subject& subject, const HistoryQuery& query) {
  SubjectTelemetry out{.subject = subject.subject, .values = subject.values};
  if (subject.subject.kind != wire::SubjectKind::machine) out.suitability = suitability(subject.values);
  if (query.values == 0) return out;
  for (size_t number = 0; number < wire::kMetrics; ++number) {
    const auto metric = static_cast<wire::Metric>(number);
    auto values =
        query.coarse ? subject.history.means(metric, query.values) : subject.history.samples(metric, query.values);
    const bool any = std::ranges::any_of(values, [](const auto& value) { return value.has_value(); });
    if (any) out.history.push_back({.metric = metric, .values = std::move(values)});
  }
  return out;
}

std::vector<NodeTelemetry> Collection::nodes(Time now, const HistoryQuery& query) const {
  std::vector<NodeTelemetry> nodes;
  for (const auto& [node, entry] : nodes_) {
    nodes.push_back({.node = node,
                     .age_s = std::max(0.0, in_seconds(now - entry.heard_at)),
                     .clock_offset_s = entry.clock_offset_s});
    for (const Subject& subject : entry.subjects) nodes.back().subjects.push_back(telemetry_of(subject, query));
  }
  return nodes;
}

Bytes Collection::bytes() const {
  Bytes sum = 0;
  for (const auto& [node, entry] : nodes_) {
    for (const Subject& subject : entry.subjects) sum += subject.history.bytes();
  }
  return sum;
}

}  // namespace exogpu::telemetry
