// How a node does now: coarse enough that it seldom changes, since all nodes are told (proto/cluster.proto).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/layer_range.h"

namespace exogpu::wire {

inline constexpr size_t kShardsMax = 1024;  // of one node

enum class Heat : uint8_t {
  normal = 0,
  hot = 1,       // it slows down to cool, or is about to
  critical = 2,  // at the temperature that its hardware does not bear for long
};
std::string_view to_string(Heat heat);

struct DeviceCondition {
  std::string device;                    // as the node itself calls it
  std::optional<uint32_t> load_percent;  // of its time that it was busy
  std::optional<int32_t> temperature_c;
  Heat heat = Heat::normal;
  uint32_t speed_percent = 100;  // of what it does when it is cool, 1 to 100
  friend bool operator==(const DeviceCondition&, const DeviceCondition&) = default;
};

struct BatteryCondition {
  uint32_t charge_percent = 0;  // of all batteries together
  bool on_battery = false;      // the machine; else it is on mains power
  bool low = false;             // it feeds the machine, and not for long any more
  friend bool operator==(const BatteryCondition&, const BatteryCondition&) = default;
};

// Layers of a model in the memory of a device.
struct ResidentShard {
  std::string device;
  std::string model;    // as requests name it
  std::string content;  // its content id, as text
  LayerRange layers;
  friend bool operator==(const ResidentShard&, const ResidentShard&) = default;
};

struct NodeCondition {
  std::optional<uint32_t> load_percent;  // of its processors
  std::optional<BatteryCondition> battery;
  std::vector<DeviceCondition> devices;
  std::vector<ResidentShard> shards;
  friend bool operator==(const NodeCondition&, const NodeCondition&) = default;
};

}  // namespace exogpu::wire
