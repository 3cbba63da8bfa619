// The cluster at one moment, as one node knows it: plain values, for the API, bindings and dashboards.
//
// Amounts are in the units of their names; an absent optional means that nothing reports the value. Texts named
// `..._reason` and `failure` are for people; an empty one means that there is nothing to report.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "wire/cluster.h"
#include "wire/condition.h"
#include "wire/dtype.h"
#include "wire/layer_range.h"
#include "wire/library.h"
#include "wire/node_id.h"
#include "wire/owner_limits.h"
#include "wire/plan.h"
#include "wire/role.h"

namespace exogpu::node {

struct DeviceSnapshot {
  std::string id{};    // "vulkan0"
  std::string name{};  // "NVIDIA H200"
  wire::DeviceKind kind = wire::DeviceKind::cpu;
  Bytes memory_free = 0;
  std::optional<uint32_t> load_percent{};
  std::optional<int32_t> temperature_c{};
  std::optional<wire::Heat> heat{};
  std::optional<uint32_t> speed_percent{};  // of its cool speed
  wire::HeatAction action = wire::HeatAction::none;
  uint32_t pace_percent = 100;  // of the time that its shards may compute
  std::string action_reason{};
  uint32_t others_percent = 0;     // that other programs use of it
  std::string profile_mismatch{};  // how far its profile is off, where it is much faster or slower while it serves
  std::string failure{};           // why plans do not use it
  friend bool operator==(const DeviceSnapshot&, const DeviceSnapshot&) = default;
};

// The way from the node that has it to `to`.
struct LinkSnapshot {
  wire::NodeId to{};
  double delay_s = 0;  // one way
  double jitter_s = 0;
  double loss = 0;                      // 0..1
  std::optional<double> bytes_per_s{};  // absent until it was measured
  bool avoided = false;                 // plans avoid it, since it broke repeatedly
  friend bool operator==(const LinkSnapshot&, const LinkSnapshot&) = default;
};

struct BatterySnapshot {
  uint32_t charge_percent = 0;
  bool discharging = false;
  bool low = false;
  bool given_up = false;  // below the charge that its owner wants left: plans do without the node
  friend bool operator==(const BatterySnapshot&, const BatterySnapshot&) = default;
};

// Layers resident in the memory of a device.
struct ShardSnapshot {
  std::string device{};
  std::string model{};
  std::string content{};
  wire::LayerRange layers{};
  friend bool operator==(const ShardSnapshot&, const ShardSnapshot&) = default;
};

// What a node that is short of memory gives up.
struct MemorySnapshot {
  wire::MemoryPressure pressure = wire::MemoryPressure::none;
  std::optional<Bytes> bytes_max{};  // of the host's memory that plans are to use there
  friend bool operator==(const MemorySnapshot&, const MemorySnapshot&) = default;
};

struct NodeSnapshot {
  wire::NodeId id{};
  std::string name{};  // unique in the cluster
  bool leader = false;
  bool online = false;
  std::string offline_reason{};
  bool draining = false;
  std::optional<wire::Role> role{};  // empty: not known yet
  bool on_battery = false;
  std::optional<BatterySnapshot> battery{};
  std::optional<uint32_t> load_percent{};
  MemorySnapshot memory{};
  wire::OwnerLimits limits{};
  std::string reserved{};  // why its owner does not let plans use its devices now
  bool wired = false;
  std::string version{};
  std::string api_url{};
  std::vector<DeviceSnapshot> devices{};
  std::vector<ShardSnapshot> shards{};
  std::vector<LinkSnapshot> links{};
  friend bool operator==(const NodeSnapshot&, const NodeSnapshot&) = default;
};

// What a stage's node reports of the work on it.
struct StageActivity {
  std::string text{};
  Bytes done = 0;
  Bytes total = 0;  // 0: the work has no size
  friend bool operator==(const StageActivity&, const StageActivity&) = default;
};

struct StageSnapshot {
  std::string node{};
  std::string device{};
  wire::LayerRange layers{};
  Bytes memory = 0;
  wire::StagePhase status = wire::StagePhase::waiting;
  std::optional<StageActivity> activity{};
  friend bool operator==(const StageSnapshot&, const StageSnapshot&) = default;
};

// A device that the plan could have used and does not.
struct UnusedDevice {
  std::string node{};
  std::string device{};
  std::string constraint{};  // "memory", "speed"
  std::string reason{};
  friend bool operator==(const UnusedDevice&, const UnusedDevice&) = default;
};

struct PlanSnapshot {
  wire::PlanEpoch epoch{};
  std::vector<StageSnapshot> stages{};
  uint32_t context = 0;   // tokens of the longest conversation
  uint32_t pool = 0;      // tokens of all sequences together
  uint32_t parallel = 0;  // sequences computed at once
  wire::Dtype activations = wire::Dtype::f32;
  wire::PredictedSpeed predicted{};           // as its devices were measured since
  wire::PredictedSpeed predicted_at_first{};  // when it was made
  std::vector<UnusedDevice> unused_devices{};
  friend bool operator==(const PlanSnapshot&, const PlanSnapshot&) = default;
};

// What the ring does now; only on the node of its first stage.
struct LiveRates {
  uint32_t requests = 0;  // that are computed
  uint64_t waiting_requests = 0;
  double tokens_per_s = 0;             // generated
  double computed_tokens_per_s = 0;    // with those of prompts
  uint64_t replayed_tokens = 0;        // since the ring was built
  std::vector<double> stage_step_s{};  // of each stage, smoothed
  friend bool operator==(const LiveRates&, const LiveRates&) = default;
};

// Weights that this node exchanged with others since its start.
struct WeightTraffic {
  Bytes sent = 0;
  Bytes received = 0;
  friend bool operator==(const WeightTraffic&, const WeightTraffic&) = default;
};

// A model that is to be served.
struct ModelSnapshot {
  std::string name{};
  std::string content{};  // content id, as text
  bool pinned = false;
  uint32_t keep_loaded_s = 0;  // it goes when nobody used it for so long; 0: it stays
  // Of its last request at any node, to 10 s.
  std::optional<std::chrono::system_clock::time_point> used_at{};
  bool serving = false;
  std::optional<std::chrono::system_clock::time_point> serving_since{};  // as this node has seen it; absent: it is not
  std::string not_serving_reason{};
  std::optional<PlanSnapshot> plan{};
  std::optional<LiveRates> live{};
  friend bool operator==(const ModelSnapshot&, const ModelSnapshot&) = default;
};

// How a model that is not loaded would run, by the planner's prediction.
struct PredictedRun {
  wire::PredictedSpeed speed{};
  std::vector<std::string> devices{};  // "desk/cuda0", in the order of the ring
  std::string reason{};                // why it cannot be run; then there is no speed
  friend bool operator==(const PredictedRun&, const PredictedRun&) = default;
};

// A model that nodes of the cluster have files of.
struct LibraryEntrySnapshot {
  wire::LibraryModel model{};
  std::vector<std::string> nodes{};         // that are online and have it, by name
  std::optional<PredictedRun> predicted{};  // absent: it is loaded, or there is no prediction yet
  friend bool operator==(const LibraryEntrySnapshot&, const LibraryEntrySnapshot&) = default;
};

// A model that is being pulled from a hub.
struct PullSnapshot {
  std::string source{};  // as it was asked for
  std::string node{};    // that pulls it, by name
  uint32_t file = 0;     // that is fetched now, from 0
  uint32_t files = 0;    // 0: it has not begun
  Bytes done = 0;        // of that file
  Bytes total = 0;
  friend bool operator==(const PullSnapshot&, const PullSnapshot&) = default;
};

// Another process had the identity of a node, and this node refused it: a copy of the node's disk or state folder runs.
struct IdentityConflict {
  std::string node{};    // name
  std::string source{};  // address of the process, or its message
  std::chrono::system_clock::time_point refused_at{};
  friend bool operator==(const IdentityConflict&, const IdentityConflict&) = default;
};

struct ClusterSnapshot {
  uint64_t version = 0;                 // grows with every change that this node sees; starts again with each start
  std::string self{};                   // the name of the node that sees the cluster so
  std::vector<ModelSnapshot> models{};  // those that are served first, each group by name
  std::vector<LibraryEntrySnapshot> library{};  // by name
  std::optional<std::string> leader{};          // name
  std::string no_leader_reason{};
  uint64_t term = 0;   // of the state: which leader wrote it,
  uint64_t index = 0;  // and how many events it has
  std::vector<NodeSnapshot> nodes{};
  std::vector<PullSnapshot> pulls{};
  WeightTraffic weights{};
  std::string model_file_error{};                      // of this node's own model file; names the file
  std::vector<IdentityConflict> identity_conflicts{};  // since this node's start, the last of each node
  // Null: no node that is online has a file of it.
  const LibraryEntrySnapshot* find_in_library(std::string_view name) const {
    const auto found = std::ranges::find(library, name, [](const auto& entry) { return entry.model.model; });
    return found == library.end() ? nullptr : &*found;
  }
  // By its name in requests, or that of a file of the same content; null: it is not to be served.
  const ModelSnapshot* find_model(std::string_view name) const {
    auto found = std::ranges::find(models, name, &ModelSnapshot::name);
    const auto same_name = [&](const auto& entry) { return entry.model.model == name && !entry.model.content.empty(); };
    const auto file = std::ranges::find_if(library, same_name);
    if (found == models.end() && file != library.end()) {
      found = std::ranges::find(models, file->model.content, &ModelSnapshot::content);
    }
    return found == models.end() ? nullptr : &*found;
  }
  friend bool operator==(const ClusterSnapshot&, const ClusterSnapshot&) = default;
};

}  // namespace exogpu::node
