// What is so in a cluster: events in one order, the state that they add up to, and how both travel
// (proto/cluster.proto). Only facts about nodes, devices, the model and its plan; nothing of requests or tokens.
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
#include "wire/cluster.h"
#include "wire/condition.h"
#include "wire/election.h"
#include "wire/model_shape.h"
#include "wire/plan.h"

namespace exogpu::wire {

inline constexpr size_t kEntriesMax = 1024;  // of a message
inline constexpr size_t kLayersMax = 10000;
inline constexpr size_t kWithoutMax = 256;
inline constexpr size_t kUnusedDevicesMax = 64;  // devices, of a plan
inline constexpr size_t kLinksMax = 4096;        // left out of plans

// What a node says of itself.
struct NodeFacts {
  NodeInfo info;             // memory_free as it is without any part of a model
  std::string version;       // of the program
  uint64_t incarnation = 0;  // new with each start
  Fitness fitness;
  friend bool operator==(const NodeFacts&, const NodeFacts&) = default;
};

// A model that the cluster is to serve, and all that a planner needs to know of it.
struct ServedModel {
  std::string model;    // as requests name it
  std::string content;  // its content id, as text
  ModelShape shape;
  ServingSettings settings;
  std::string layers;                // by hand; empty: planned
  std::vector<std::string> without;  // devices, by name
  uint32_t devices_min = 1;          // in a plan, also where fewer are faster
  friend bool operator==(const ServedModel&, const ServedModel&) = default;
};

// The first event of each term.
struct TermBegan {
  friend bool operator==(const TermBegan&, const TermBegan&) = default;
};
// It is here, and these are its facts.
struct NodeReported {
  NodeFacts facts;
  friend bool operator==(const NodeReported&, const NodeReported&) = default;
};
// How it does now. Apart from its facts, which are many times as long and seldom change.
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
// A node that is away will not come back.
struct NodeForgotten {
  NodeId node;
  friend bool operator==(const NodeForgotten&, const NodeForgotten&) = default;
};
// No plan is to use its devices.
struct DrainingSet {
  NodeId node;
  bool draining = true;
  friend bool operator==(const DrainingSet&, const DrainingSet&) = default;
};
struct ModelSet {
  std::optional<ServedModel> model;
  friend bool operator==(const ModelSet&, const ModelSet&) = default;
};
// A device that could have been used, and why it is not.
struct UnusedDevice {
  DeviceRef device;
  std::string constraint;  // the name of a constraint or preference: "memory", "speed"
  std::string reason;      // for people
  friend bool operator==(const UnusedDevice&, const UnusedDevice&) = default;
};
// Of two nodes, the lower id first. What fails between them fails both ways, since it is one connection.
using NodePair = std::pair<NodeId, NodeId>;
inline NodePair pair_of(NodeId a, NodeId b) { return a < b ? NodePair(a, b) : NodePair(b, a); }

struct PlanMade {
  StagePlan plan;
  std::vector<Bytes> stage_bytes;  // memory that each stage needs
  PredictedSpeed predicted;
  std::vector<UnusedDevice> unused{};  // the first of them
  friend bool operator==(const PlanMade&, const PlanMade&) = default;
};
struct PlanEnded {
  PlanEpoch epoch;
  std::string reason;
  std::optional<NodePair> link{};  // since the connection of these two is lost
  friend bool operator==(const PlanEnded&, const PlanEnded&) = default;
};
// Plans do without this link, or use it again.
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

using Event = std::variant<TermBegan, NodeReported, NodeLost, NodeForgotten, DrainingSet, ModelSet, PlanMade, PlanEnded,
                           StageReported, LinkUse, ConditionReported>;

struct Entry {
  Term term;  // whose leader wrote it
  Event event;
  friend bool operator==(const Entry&, const Entry&) = default;
};

struct NodeRecord {
  NodeFacts facts;
  bool online = false;
  std::string offline_reason;
  bool draining = false;
  std::map<std::string, std::string> unfit;  // its devices that could not do their part, and why
  NodeCondition condition{};                 // as it told last, since it was started
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

// The same on every node that is at the same position.
struct ReplicatedState {
  Position at;
  std::map<NodeId, NodeRecord> nodes;
  std::optional<ServedModel> model;
  std::optional<PlanRecord> plan;
  PlanEpoch epoch_last;                // the highest of any plan
  std::string no_plan_reason;          // there is no plan
  std::set<NodePair> links_avoided{};  // that broke again and again
  friend bool operator==(const ReplicatedState&, const ReplicatedState&) = default;
};

// Of a leader: what follows the position `before`.
struct LogEntries {
  static constexpr ControlType kType = ControlType::log_entries;
  Term term;
  Position before;
  std::vector<Entry> entries;  // at before.index + 1 and on
  friend bool operator==(const LogEntries&, const LogEntries&) = default;
};

// Of a leader, to one that cannot go on from where it is.
struct LogSnapshot {
  static constexpr ControlType kType = ControlType::log_snapshot;
  Term term;
  ReplicatedState state;
  friend bool operator==(const LogSnapshot&, const LogSnapshot&) = default;
};

// To the leader: what its sender would have in the log.
struct LogProposal {
  static constexpr ControlType kType = ControlType::log_proposal;
  uint64_t incarnation = 0;  // of the sender
  std::vector<Event> events;
  friend bool operator==(const LogProposal&, const LogProposal&) = default;
};

ByteVector encode(const LogEntries& message);
ByteVector encode(const LogSnapshot& message);
ByteVector encode(const LogProposal& message);
// What one entry takes in a message.
size_t encoded_bytes(const Entry& entry);
// The event as others will read it: texts cut and made safe. Errors: those of decode(), when nobody would take it.
Result<Event> as_sent(const Event& event);

template <>
Result<LogEntries> decode<LogEntries>(std::span<const std::byte> bytes);
template <>
Result<LogSnapshot> decode<LogSnapshot>(std::span<const std::byte> bytes);
template <>
Result<LogProposal> decode<LogProposal>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
