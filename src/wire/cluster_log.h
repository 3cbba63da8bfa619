// The replicated log: events in one order, the state that they add up to, and the messages that carry both
// (proto/cluster.proto). The state has nodes, devices, the models and their plans, but no requests and no tokens.
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "wire/access_key.h"
#include "wire/cluster.h"
#include "wire/condition.h"
#include "wire/election.h"
#include "wire/library.h"
#include "wire/model_shape.h"
#include "wire/plan.h"

namespace exogpu::wire {

inline constexpr size_t kEntriesMax = 1024;  // of one message
inline constexpr size_t kLayersMax = 10000;
inline constexpr size_t kWithoutMax = 256;
inline constexpr size_t kUnusedDevicesMax = 64;  // devices, of a plan
inline constexpr size_t kLinksMax = 4096;        // avoided links
inline constexpr size_t kModelsMax = 64;         // served at once
inline constexpr size_t kUnfitMax = 4096;        // devices, of a model

// What a node reports about itself that seldom changes.
struct NodeFacts {
  NodeInfo info;             // memory_free without loaded layers
  std::string version;       // of the program
  uint64_t incarnation = 0;  // new with each start
  Fitness fitness;
  friend bool operator==(const NodeFacts&, const NodeFacts&) = default;
};

// A model to serve, with everything that the planner needs.
struct ServedModel {
  std::string model;    // as requests name it
  std::string content;  // its content id, as text
  ModelShape shape;
  ServingSettings settings;
  std::string layers;                // fixed by the user, as placement::parse_layers() reads it; empty: planned
  std::vector<std::string> without;  // excluded devices, by name
  uint32_t devices_min = 1;          // a plan uses at least so many, even if fewer are faster
  bool pinned = false;               // it is not removed to make room for another model
  uint32_t keep_loaded_s = 0;        // it is removed when nobody used it for so long; 0: it stays
  // Tokens of the longest conversation for which a plan may make the pool larger than the settings say; 0: for none.
  uint32_t context_most = 0;
  friend bool operator==(const ServedModel&, const ServedModel&) = default;
};

// The first event of each term.
struct TermBegan {
  friend bool operator==(const TermBegan&, const TermBegan&) = default;
};
// The node is online and has these facts.
struct NodeReported {
  NodeFacts facts;
  friend bool operator==(const NodeReported&, const NodeReported&) = default;
};
// The node's condition. Separate from its facts, which are many times as long and change seldom.
struct ConditionReported {
  NodeId node;
  NodeCondition condition;
  friend bool operator==(const ConditionReported&, const ConditionReported&) = default;
};
struct NodeLost {
  NodeId node;
  std::string reason;
  friend bool operator==(const NodeLost&, const NodeLost&) = default;
};
// An offline node will not return; removes it from the state.
struct NodeForgotten {
  NodeId node;
  friend bool operator==(const NodeForgotten&, const NodeForgotten&) = default;
};
// Plans use no devices of a draining node.
struct DrainingSet {
  NodeId node;
  bool draining = true;
  friend bool operator==(const DrainingSet&, const DrainingSet&) = default;
};
// The model is to be served, beside the others; or otherwise than before.
struct ModelSet {
  ServedModel model;
  friend bool operator==(const ModelSet&, const ModelSet&) = default;
};
// The model is no longer to be served.
struct ModelRemoved {
  std::string content;
  std::string reason;  // for people
  friend bool operator==(const ModelRemoved&, const ModelRemoved&) = default;
};
// A device that could be used and is not in the plan, with the reason.
struct UnusedDevice {
  DeviceRef device;
  std::string constraint;  // the name of a constraint or preference: "memory", "speed"
  std::string reason;      // for people
  friend bool operator==(const UnusedDevice&, const UnusedDevice&) = default;
};
// Two nodes, the lower id first. Their link is one connection, so it fails in both directions.
using NodePair = std::pair<NodeId, NodeId>;
inline NodePair pair_of(NodeId a, NodeId b) { return a < b ? NodePair(a, b) : NodePair(b, a); }

struct PlanMade {
  StagePlan plan;
  std::vector<Bytes> stage_bytes;  // memory that each stage needs
  PredictedSpeed predicted;
  std::vector<UnusedDevice> unused{};  // at most kUnusedDevicesMax
  friend bool operator==(const PlanMade&, const PlanMade&) = default;
};
struct PlanEnded {
  std::string content;  // of its model
  PlanEpoch epoch;      // without a meaning where the model has no plan: the reason is another
  std::string reason;
  std::optional<NodePair> link{};  // the lost link that ended it, if any
  friend bool operator==(const PlanEnded&, const PlanEnded&) = default;
};
// Plans avoid this link, or use it again.
struct LinkUse {
  NodePair link;
  bool avoided = false;
  friend bool operator==(const LinkUse&, const LinkUse&) = default;
};
struct StageReported {
  PlanEpoch epoch;
  uint32_t stage = 0;
  StagePhase phase = StagePhase::waiting;
  std::string failure;
  friend bool operator==(const StageReported&, const StageReported&) = default;
};

// The models that the node has files of, all of them.
struct LibraryReported {
  NodeId node;
  std::vector<LibraryModel> models;  // at most kLibraryModelsMax
  friend bool operator==(const LibraryReported&, const LibraryReported&) = default;
};

// A key of the API was made, changed or revoked.
struct AccessKeySet {
  AccessKey key;
  friend bool operator==(const AccessKeySet&, const AccessKeySet&) = default;
};

using Event = std::variant<TermBegan, NodeReported, NodeLost, NodeForgotten, DrainingSet, ModelSet, PlanMade, PlanEnded,
                           StageReported, LinkUse, ConditionReported, ModelRemoved, LibraryReported, AccessKeySet>;

struct Entry {
  Term term;  // of the leader that appended it
  Event event;
  friend bool operator==(const Entry&, const Entry&) = default;
};

struct NodeRecord {
  NodeFacts facts;
  bool online = false;
  std::string offline_reason;
  bool draining = false;
  NodeCondition condition{};            // its last report since its start
  std::vector<LibraryModel> library{};  // likewise
  friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

struct StageStatus {
  StagePhase phase = StagePhase::waiting;
  std::string failure;
  friend bool operator==(const StageStatus&, const StageStatus&) = default;
};

struct PlanRecord {
  PlanMade made;
  std::vector<StageStatus> stages;
  friend bool operator==(const PlanRecord&, const PlanRecord&) = default;
};

// Devices that failed to load layers of a model, with the failure.
using UnfitDevices = std::map<DeviceRef, std::string>;

struct ModelRecord {
  ServedModel served;
  std::optional<PlanRecord> plan;
  std::string no_plan_reason;  // empty when there is a plan
  UnfitDevices unfit;
  friend bool operator==(const ModelRecord&, const ModelRecord&) = default;
};

using NodeRecords = std::map<NodeId, NodeRecord>;

// Equal on all nodes at the same position.
struct ReplicatedState {
  Position at;
  NodeRecords nodes;
  std::map<std::string, ModelRecord> models;  // to be served, by content id
  PlanEpoch epoch_last;                       // the highest of any plan
  std::set<NodePair> links_avoided{};         // links that broke repeatedly
  std::map<AccessKeyId, AccessKey> access_keys{};
  friend bool operator==(const ReplicatedState&, const ReplicatedState&) = default;
};

// From the leader: the entries after the position `before`.
struct LogEntries {
  static constexpr ControlType kType = ControlType::log_entries;
  Term term;
  Position before;
  std::vector<Entry> entries;  // from index before.index + 1 on
  friend bool operator==(const LogEntries&, const LogEntries&) = default;
};

// From the leader to a follower at a position that the log no longer contains.
struct LogSnapshot {
  static constexpr ControlType kType = ControlType::log_snapshot;
  Term term;
  ReplicatedState state;
  friend bool operator==(const LogSnapshot&, const LogSnapshot&) = default;
};

// To the leader: events that the sender asks it to append.
struct LogProposal {
  static constexpr ControlType kType = ControlType::log_proposal;
  uint64_t incarnation = 0;  // of the sender
  std::vector<Event> events;
  friend bool operator==(const LogProposal&, const LogProposal&) = default;
};

ByteVector encode(const LogEntries& message);
ByteVector encode(const LogSnapshot& message);
ByteVector encode(const LogProposal& message);
// The size of one entry in a message.
size_t encoded_bytes(const Entry& entry);
// The event as other nodes decode it: texts are cut and made printable. Errors: those of decode(), when no node would
// accept it.
Result<Event> as_sent(const Event& event);

template <>
Result<LogEntries> decode<LogEntries>(std::span<const std::byte> bytes);
template <>
Result<LogSnapshot> decode<LogSnapshot>(std::span<const std::byte> bytes);
template <>
Result<LogProposal> decode<LogProposal>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
