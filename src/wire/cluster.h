// A node's facts, the plan of stages, and messages about both (proto/cluster.proto).
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/device_profile.h"
#include "wire/frame.h"
#include "wire/ids.h"
#include "wire/layer_range.h"
#include "wire/messages.h"
#include "wire/serving_settings.h"

namespace exogpu::wire {

inline constexpr size_t kNameCharsMax = 256;
inline constexpr size_t kMembersMax = 4096;
inline constexpr size_t kDevicesMax = 256;  // of one node
inline constexpr size_t kAddressesMax = 64;
inline constexpr size_t kTypeLimitsMax = 256;  // of one device, and kinds of weights of one model

// How to reach a node.
struct Member {
  NodeId node;
  std::string name;                    // for people
  std::vector<std::string> addresses;  // as text, the most likely to work first
  uint16_t link_port = 0;
  std::string api_url;  // empty: the node has no API
  friend bool operator==(const Member&, const Member&) = default;
};

// The devices and links of a node.
struct NodeInfo {
  Member self;
  std::vector<DeviceProfile> devices;
  std::vector<LinkProfile> links;  // from this node
  friend bool operator==(const NodeInfo&, const NodeInfo&) = default;
};

struct PlannedStage {
  DeviceRef device;
  LayerRange layers;
  Bytes weight_budget = 0;  // of memory; where the layers have more weights, some stream. 0: all are in memory
  friend bool operator==(const PlannedStage&, const PlannedStage&) = default;
};

// Which device has which layers, with the settings that all stages share.
struct StagePlan {
  PlanEpoch epoch;
  std::string model;    // as requests name it
  std::string content;  // the model's content id, as text
  std::vector<PlannedStage> stages;
  ServingSettings settings;
  double step_cost_tokens = 0;  // the fixed cost of a step in tokens of a prompt
  friend bool operator==(const StagePlan&, const StagePlan&) = default;
};

enum class StagePhase : uint8_t { waiting = 0, fetching = 1, loading = 2, ready = 3, failed = 4 };
std::string_view to_string(StagePhase phase);

// The progress of a stage, for people. Its node sends it to all others at intervals.
struct StageProgress {
  static constexpr ControlType kType = ControlType::stage_progress;
  PlanEpoch epoch;
  uint32_t stage = 0;
  Bytes done = 0;  // of the present activity
  Bytes total = 0;
  std::string activity;  // for people, with its reason
  friend bool operator==(const StageProgress&, const StageProgress&) = default;
};

// From a follower to nodes that connect to it: names the leader, so that they can connect to it.
struct LeaderHint {
  static constexpr ControlType kType = ControlType::leader_hint;
  Member leader;
  friend bool operator==(const LeaderHint&, const LeaderHint&) = default;
};

// The transfer id of link probes: bulk frames that measure a link's rate and that the receiver discards.
inline constexpr TransferId kProbeTransfer{std::numeric_limits<uint64_t>::max()};

// Reports that the last frame of a link probe, which has one byte, has arrived.
struct LinkProbeResult {
  static constexpr ControlType kType = ControlType::link_probe_result;
  Bytes bytes = 0;  // the offset of that frame
  friend bool operator==(const LinkProbeResult&, const LinkProbeResult&) = default;
};

ByteVector encode(const StageProgress& message);
ByteVector encode(const LeaderHint& message);
ByteVector encode(const LinkProbeResult& message);

template <>
Result<StageProgress> decode<StageProgress>(std::span<const std::byte> bytes);
template <>
Result<LeaderHint> decode<LeaderHint>(std::span<const std::byte> bytes);
template <>
Result<LinkProbeResult> decode<LinkProbeResult>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
