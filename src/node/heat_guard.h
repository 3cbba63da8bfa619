// The part of a node that keeps its devices below their limits of heat and power, before the hardware does: a governor
// for each device decides twice a second how hard it may work, and the pacers of the stages have them work so.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cluster/condition.h"
#include "pipeline/pacer.h"
#include "telemetry/energy_use.h"
#include "telemetry/heat/heat_governor.h"
#include "telemetry/heat/thermal_store.h"
#include "telemetry/others_load.h"
#include "telemetry/sample.h"
#include "wire/device_profile.h"
#include "wire/owner_limits.h"

namespace exogpu::node {

// On the node's thread, but for pacers(), which never change.
class HeatGuard {
 public:
  // `devices`: of the node; a group ("cuda0+cuda1") works as hard as the member that may work least. `remembered`: how
  // warm they became when the node ran before.
  HeatGuard(const wire::OwnerLimits& limits, const std::vector<wire::DeviceProfile>& devices,
            telemetry::ThermalBook remembered = {});

  // From the next update on.
  void set_limits(const wire::OwnerLimits& limits);

  const pipeline::Pacers& pacers() const { return pacers_; }

  // Decides by a sample, to be called with each, at `hour` of the day, and adds pace and energy to its values. Returns
  // what has changed, a line each: "cpu computes at most 60 % of the time: it is to stay below 94 °C".
  std::vector<std::string> update(telemetry::Sample& sample, uint32_t hour);
  // Adds the decisions to the readings of that sample.
  void add_to(cluster::SensorReadings& readings) const;
  // Sets the power that computing adds to what these devices draw, where it is known and differs by more than a fifth
  // from what they have.
  void measure_power(std::vector<wire::DeviceProfile>& devices) const;
  // What is worth remembering.
  telemetry::ThermalBook learnt() const;

 private:
  // A device that has sensors of its own.
  struct Member {
    telemetry::HeatGovernor governor;
    std::string lasting_name{};    // in the book
    std::optional<double> rate{};  // of the last steps that showed one
    telemetry::EnergyUse energy{};
    telemetry::OthersLoad others{};
  };

  Member& member(const wire::TelemetrySubject& subject);
  // Of the stages on it, alone or in groups, since the call before.
  pipeline::DeviceWork work_of(const std::string& member,
                               const std::map<std::string, pipeline::DeviceWork>& by_pacer) const;
  void set_pacers();

  telemetry::HeatLimits heat_limits() const;

  wire::OwnerLimits limits_;
  telemetry::ThermalBook book_;
  pipeline::Pacers pacers_;
  std::map<std::string, Member> members_;  // by id
  std::set<std::string> throttled_;        // of them, by the hardware now
  std::optional<telemetry::Time> updated_at_;
};

}  // namespace exogpu::node
