// What a worker does next so that it holds what the plan gives it: a pure function of the state and of what it holds.
//
// Whoever calls it does the one thing it says, reports how that went in `LocalPlan`, and asks again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "cluster/detector.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

// How far a stage is on its way to serving.
enum class StageReadiness : uint8_t { nothing, fetched, loaded, connected, warm };

struct LocalStage {
  StageReadiness progress = StageReadiness::nothing;
  uint32_t failures = 0;  // of the next step, in a row
  Time failed_at{};
  std::string failure;     // the last one; names the thing and the remedy
  bool permanent = false;  // trying again will not help: a file that is corrupt, a device without room
  friend bool operator==(const LocalStage&, const LocalStage&) = default;
};

// What this node holds of a plan.
struct LocalPlan {
  wire::NodeId self;
  wire::PlanEpoch epoch_last;             // the highest whose parts it has had
  std::optional<wire::StagePlan> plan;    // whose parts it holds
  std::map<uint32_t, LocalStage> stages;  // of this node, in that plan
  bool acting = false;                    // what was last said is still being done
  bool busy = false;                      // requests are under way in its stages
  std::optional<Time> draining_since{};   // when drain was said
};

enum class Act : uint8_t {
  none,         // until `again`, or until the state or the holding changes
  accept_plan,  // the plan: an entry in `stages` for each of its own, nothing held yet
  adopt,        // the plan, with the stages held: the same layers on the same devices, with the same settings
  fetch,        // the tensors of a stage
  load,
  connect,  // to the next stage's node
  warm,
  serve,   // all stages of all nodes are warm; `stage` is the first, which is here
  drain,   // take no new requests, and let those under way end
  unload,  // everything of the held plan
  refuse,  // a plan whose part was here already and is gone: Agent::plan_broken(), and there will be a later one
};
std::string_view to_string(Act act);

struct Action {
  Act act = Act::none;
  uint32_t stage = 0;              // of fetch, load, connect, warm, serve
  std::string why;                 // for people
  std::optional<Time> retry_at{};  // when to ask again, if nothing changes before
};

// `has_leader`: whether the node has a leader, so that the state is to be believed. Without one, what is held stays.
Action next_action(const wire::ReplicatedState& state, const LocalPlan& local, bool has_leader, Time now);

// What `local` is once an action is done.
void accept_plan(LocalPlan& local, const wire::StagePlan& plan);
void adopt(LocalPlan& local, const wire::StagePlan& plan);  // its stages are to be connected and warmed again
void unload(LocalPlan& local);

// How the stages stand, for Agent::set_stages(). One that failed too often, or without hope, is given up.
std::map<uint32_t, wire::StageStatus> status_of(const LocalPlan& local);

inline constexpr uint32_t kFailuresMax = 5;
inline constexpr Duration kDrainMax = std::chrono::seconds(30);
// 250 ms, doubled with each failure, 8 s at most.
Duration back_off(uint32_t failures);

}  // namespace exogpu::cluster
