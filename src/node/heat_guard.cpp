#include "node/heat_guard.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <format>
#include <utility>

#include "node/day_hours.h"
#include "wire/device_group.h"

namespace exogpu::node {
namespace {

using telemetry::HeatDecision;
using wire::HeatAction;

// Longer than between two samples: the node stood still, and nothing is known of that time.
constexpr double kElapsedMostS = 2, kElapsedUsualS = 0.5;
constexpr double kPowerStep = 0.2;  // every node is told of a change

bool is_member(std::string_view device, std::string_view member) {
  return std::ranges::contains(wire::group_members(device), member);
}

}  // namespace

HeatGuard::HeatGuard(const wire::OwnerLimits& limits, const std::vector<wire::DeviceProfile>& devices,
                     telemetry::ThermalBook remembered)
    : limits_(limits), book_(std::move(remembered)) {
  for (const wire::DeviceProfile& device : devices) {
    pacers_.emplace(device.id.device, std::make_shared<pipeline::Pacer>());
  }
}

void HeatGuard::set_limits(const wire::OwnerLimits& limits) {
  limits_ = limits;
  for (auto& [id, member] : members_) member.governor.set_limits(heat_limits());
}

telemetry::HeatLimits HeatGuard::heat_limits() const {
  return {.temperature_max_c = limits_.temperature_max_c, .power_max_w = limits_.power_max_w};
}

HeatGuard::Member& HeatGuard::member(const wire::TelemetrySubject& subject) {
  const auto found = members_.find(subject.id);
  if (found != members_.end()) return found->second;
  std::string name = std::format("{} {}", subject.id, subject.name);
  const auto known = book_.find(name);
  telemetry::HeatGovernor governor(heat_limits(), subject.kind == wire::SubjectKind::cpu,
                                   known == book_.end() ? telemetry::ThermalParameters() : known->second);
  return members_.emplace(subject.id, Member{.governor = std::move(governor), .lasting_name = std::move(name)})
      .first->second;
}

pipeline::DeviceWork HeatGuard::work_of(const std::string& member,
                                        const std::map<std::string, pipeline::DeviceWork>& by_pacer) const {
  pipeline::DeviceWork sum;
  for (const auto& [device, work] : by_pacer) {
    if (!is_member(device, member)) continue;
    sum.busy_s += work.busy_s;
    sum.tokens += work.tokens;
    if (work.rate) sum.rate = work.rate;
  }
  return sum;
}

std::vector<std::string> HeatGuard::update(telemetry::Sample& sample, uint32_t hour) {
  const double passed_s =
      updated_at_ ? std::chrono::duration<double>(sample.at - *updated_at_).count() : kElapsedUsualS;
  const double elapsed_s = std::clamp(passed_s, kElapsedUsualS / 2, kElapsedMostS);
  updated_at_ = sample.at;
  std::map<std::string, pipeline::DeviceWork> by_pacer;
  for (const auto& [device, pacer] : pacers_) by_pacer.emplace(device, pacer->take(sample.at));
  std::vector<std::string> changes;
  throttled_.clear();
  for (size_t i = 0; i < sample.devices.size(); ++i) {
    const wire::TelemetrySubject& subject = sample.subjects[i + 1];
    const gpu::Readings& readings = sample.devices[i];
    Member& of = member(subject);
    const pipeline::DeviceWork work = work_of(subject.id, by_pacer);
    if (work.rate) of.rate = work.rate;
    if (readings.throttled.value_or(false)) throttled_.insert(subject.id);
    const HeatAction before = of.governor.decision().action;
    const HeatDecision& now =
        of.governor.update({.now = sample.at,
                            .celsius = readings.temperature_c,
                            .limit_c = readings.limit_c,
                            .slowdown_c = readings.slowdown_c,
                            .power_w = readings.power_w,
                            .utilization = readings.utilization,
                            .clock = readings.speed,
                            .throttled = readings.throttled.value_or(false),
                            .busy = std::clamp(work.busy_s / elapsed_s, 0.0, 1.0),
                            .rate = of.rate,
                            .quiet = limits_.quiet_hours && contains(*limits_.quiet_hours, hour)});
    const bool is_cpu = subject.kind == wire::SubjectKind::cpu;
    of.others.update(readings.utilization, is_cpu ? sample.processors_own : 0, work.busy_s / elapsed_s, elapsed_s);
    of.energy.update(readings.power_w, elapsed_s, work.busy_s, work.tokens);
    sample.values[i + 1][wire::Metric::pace] = now.pace;
    sample.values[i + 1][wire::Metric::joules_per_token] = of.energy.joules_per_token();
    if (now.action == before) continue;
    const std::string why = now.reason.empty() ? "" : ": " + now.reason;
    changes.push_back(std::format("{} {}{}", subject.id, telemetry::what_is_done(now), why));
  }
  set_pacers();
  return changes;
}

void HeatGuard::set_pacers() {
  for (const auto& [device, pacer] : pacers_) {
    pipeline::PaceLimits limits;
    for (const auto& [name, member] : members_) {
      if (!is_member(device, name)) continue;
      const HeatDecision& decision = member.governor.decision();
      limits.pace = std::min(limits.pace, decision.pace);
      limits.threads = std::min(limits.threads, decision.threads);
      limits.at_ease = limits.at_ease && decision.action == HeatAction::none && !throttled_.contains(name);
    }
    pacer->set(limits);
  }
}

void HeatGuard::add_to(cluster::SensorReadings& readings) const {
  for (cluster::DeviceReadings& device : readings.devices) {
    const auto found = members_.find(device.device);
    if (found == members_.end()) continue;
    const HeatDecision& decision = found->second.governor.decision();
    device.action = decision.action;
    device.pace = decision.pace;
    device.speed_left = decision.speed;
    device.action_reason = decision.reason;
    device.others = found->second.others.share();
  }
}

void HeatGuard::measure_power(std::vector<wire::DeviceProfile>& devices) const {
  for (wire::DeviceProfile& device : devices) {
    double watts = 0;
    bool known = true;
    for (const std::string_view name : wire::group_members(device.id.device)) {
      const auto found = members_.find(std::string(name));
      const auto added = found == members_.end() ? std::nullopt : found->second.governor.busy_w();
      known = known && added.has_value();
      watts += added.value_or(0);
    }
    if (!known || watts <= 0 || std::abs(watts - device.active_w) <= kPowerStep * device.active_w) continue;
    device.active_w = watts;
  }
}

telemetry::ThermalBook HeatGuard::learnt() const {
  telemetry::ThermalBook book = book_;
  for (const auto& [id, member] : members_) {
    const telemetry::ThermalParameters& parameters = member.governor.model().parameters();
    if (parameters.power_max_w > 0) book.insert_or_assign(member.lasting_name, parameters);
  }
  return book;
}

}  // namespace exogpu::node
