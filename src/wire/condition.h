// What a node reports about itself that changes (proto/cluster.proto): coarse, since every change is sent to all nodes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "wire/layer_range.h"
#include "wire/node_id.h"
#include "wire/owner_limits.h"

namespace exogpu::wire {

inline constexpr size_t kShardsMax = 1024;  // of one node
inline constexpr size_t kSpeedsMax = 256;   // likewise
inline constexpr size_t kActionReasonCharsMax = 200;

enum class Heat : uint8_t {
  normal = 0,
  hot = 1,       // the device slows down to cool, or is about to
  critical = 2,  // at a temperature that the hardware does not withstand for long
};
std::string_view to_string(Heat heat);

// What a node does to keep a device below its limits of temperature and power: each step with those before it.
enum class HeatAction : uint8_t {
  none = 0,
  paced = 1,         // its shards rest between steps
  reduced = 2,       // they compute smaller chunks of prompts, with fewer threads
  fewer_layers = 3,  // plans are to give it fewer layers, as its speed now allows
  leaving = 4,       // plans are to do without it
};
std::string_view to_string(HeatAction action);

struct DeviceCondition {
  std::string device;                    // its id in the node
  std::optional<uint32_t> load_percent;  // share of the time that it was busy
  std::optional<int32_t> temperature_c;
  Heat heat = Heat::normal;
  uint32_t speed_percent = 100;  // of its speed when cool, 1 to 100
  HeatAction action = HeatAction::none;
  uint32_t pace_percent = 100;  // of the time that its shards may compute, 1 to 100
  std::string action_reason{};  // for people; empty without an action
  uint32_t others_percent = 0;  // of what it can do, which other programs use
  friend bool operator==(const DeviceCondition&, const DeviceCondition&) = default;
};

struct BatteryCondition {
  uint32_t charge_percent = 0;  // of all batteries together
  bool on_battery = false;      // the machine runs on battery; else on mains power
  bool low = false;             // on battery, and nearly discharged
  bool given_up = false;        // on battery, below the charge that its owner wants left: plans do without the node
  friend bool operator==(const BatteryCondition&, const BatteryCondition&) = default;
};

// What a node gives up while its machine is short of memory: each level with those before it.
enum class MemoryPressure : uint8_t {
  none = 0,
  spare = 1,   // it fetches no spare weights, and frees stages that wait for the next plan
  cached = 2,  // the rings in which it has stages keep no tokens of conversations that are not answered now
  layers = 3,  // it asks for a smaller part of the models: see MemoryCondition::bytes_max
};
std::string_view to_string(MemoryPressure pressure);

struct MemoryCondition {
  MemoryPressure pressure = MemoryPressure::none;
  std::optional<Bytes> bytes_max{};  // of the host's memory that plans are to use here; absent: all that is free
  friend bool operator==(const MemoryCondition&, const MemoryCondition&) = default;
};

// Layers of a model that are loaded on a device.
struct ResidentShard {
  std::string device;
  std::string model;    // as requests name it
  std::string content;  // its content id, as text
  LayerRange layers;
  friend bool operator==(const ResidentShard&, const ResidentShard&) = default;
};

// How fast a device or link is while it serves, in percent of what its profile predicts.
struct MeasuredPercent {
  static constexpr uint32_t kMin = 10, kMax = 400;
  uint32_t few = 100;   // in steps of few tokens: as weights are read, or by the delay of a link
  uint32_t many = 100;  // in steps of many: as products are computed, or by the rate of a link
  friend bool operator==(const MeasuredPercent&, const MeasuredPercent&) = default;
};

struct MeasuredSpeed {
  std::string device;     // its id in the node, also that of a group
  std::string type;       // of the weights, as the profile's rates have it
  std::string content{};  // the content id of the model that was served, as text
  MeasuredPercent percent{};
  friend bool operator==(const MeasuredSpeed&, const MeasuredSpeed&) = default;
};

// One of a ring that begins at the node.
struct MeasuredLink {
  NodeId from, to;
  MeasuredPercent percent{};
  friend bool operator==(const MeasuredLink&, const MeasuredLink&) = default;
};

// What the owner of the machine allows plans.
struct OwnerRules {
  std::string reserved{};  // why they are not to use its devices now, for people; empty: they may
  std::string circuit{};   // the name of the electric circuit that it shares with the nodes of the same; empty: none
  double circuit_w = 0;    // that the devices of the circuit are to draw together at most
  friend bool operator==(const OwnerRules&, const OwnerRules&) = default;
};

struct NodeCondition {
  std::optional<uint32_t> load_percent;  // of its processors
  std::optional<BatteryCondition> battery;
  std::vector<DeviceCondition> devices;
  std::vector<ResidentShard> shards;
  MemoryCondition memory{};
  std::vector<MeasuredSpeed> speeds{};  // where they are not those of the profiles
  std::vector<MeasuredLink> links{};    // likewise
  OwnerRules owner{};
  OwnerLimits limits{};  // for people; what follows from them is in the above and in the devices' profiles
  friend bool operator==(const NodeCondition&, const NodeCondition&) = default;
};

}  // namespace exogpu::wire
