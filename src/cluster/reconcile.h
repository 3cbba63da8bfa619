// The next action by which a worker brings its resident stages of a model to the plan: a pure function of the state and
// of the worker's record of its stages.
//
// The caller does the action, records the outcome in `LocalPlan`, and calls next_action() again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "cluster/detector.h"
#include "cluster/model_view.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

// The last step towards serving that a stage has completed.
enum class StageReadiness : uint8_t { nothing, fetched, loaded, connected, warm };

struct LocalStage {
  StageReadiness progress = StageReadiness::nothing;
  uint32_t failures = 0;  // of the next step, in a row
  Time failed_at{};
  std::string failure;     // the last error message
  bool permanent = false;  // a retry cannot succeed: a corrupt file, a device without memory
  bool missing = false;    // the last fetch found no node that is online and has what it needs
  friend bool operator==(const LocalStage&, const LocalStage&) = default;
};

// This node's stages of a plan.
struct LocalPlan {
  wire::NodeId self;
  wire::PlanEpoch epoch_last;             // the highest of any plan that it has accepted
  std::optional<wire::StagePlan> plan;    // the accepted plan
  std::map<uint32_t, LocalStage> stages;  // of this node, by their index in the plan
  bool acting = false;                    // the last action is still in progress
  bool busy = false;                      // its stages have steps in flight
  bool memory_needed = false;             // by another model of this node
  std::optional<Time> draining_since{};   // when Act::drain was returned
};

enum class Act : uint8_t {
  none,         // until `retry_at`, or until the state or the local plan changes
  accept_plan,  // the plan: an entry in `stages` for each stage of this node, nothing loaded yet
  adopt,        // the plan, with the resident stages: the same layers on the same devices, with the same settings
  fetch,        // the tensors of a stage
  load,
  connect,  // to the node of the next stage
  warm,
  serve,   // all stages of all nodes are warm; `stage` is the first one, on this node
  drain,   // accept no new requests, and let the present ones end
  unload,  // all stages of the local plan
  refuse,  // a plan whose stages were here and are unloaded: Agent::plan_broken(), so that the leader makes a later one
};
std::string_view to_string(Act act);

struct Action {
  Act act = Act::none;
  uint32_t stage = 0;              // for fetch, load, connect, warm, serve
  std::string why;                 // for people
  std::optional<Time> retry_at{};  // call next_action() again then, if nothing changes before
};

// `has_leader`: without a leader the state may be outdated, and the local plan stays as it is.
Action next_action(const ModelView& state, const LocalPlan& local, bool has_leader, Time now);

// Record a completed action in `local`.
void accept_plan(LocalPlan& local, const wire::StagePlan& plan);
void adopt(LocalPlan& local, const wire::StagePlan& plan);  // its stages must connect and warm up again
void unload(LocalPlan& local);

// The status of the stages, for Agent::set_stages(). A stage with a permanent failure or too many failures is `failed`.
// One whose weights no node has for a while is `fetching`, with that as its failure.
std::map<uint32_t, wire::StageStatus> status_of(const LocalPlan& local);

inline constexpr uint32_t kFailuresMax = 5;
inline constexpr uint32_t kMissingReported = 3;  // fetches in a row that found no node with the weights
inline constexpr Duration kDrainMax = std::chrono::seconds(30);
// 250 ms, doubled with each failure, 8 s at most.
Duration back_off(uint32_t failures);

}  // namespace exogpu::cluster
