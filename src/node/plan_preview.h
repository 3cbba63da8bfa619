// What the planner would do with a model, before it is loaded: which device would have which layers, how fast that
// would be, what else there is, and why devices are unused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/cluster_log.h"
#include "wire/plan.h"
#include "wire/serving_settings.h"

namespace exogpu::node {

// What is absent is as the model is served now, or would be.
struct PreviewRequest {
  std::string model;  // as requests name it
  std::optional<uint32_t> context{};
  std::optional<uint32_t> sequences{};
  std::optional<wire::Objective> objective{};
  std::optional<std::string> layers{};  // assigned by hand: "desk/cpu:0-11,laptop/cpu:12-23"; empty: planned
  std::optional<std::vector<std::string>> without{};  // devices that are not to be used, by name
  std::optional<uint32_t> devices_min{};
  // For which the speed is predicted: those of a prompt, and those in a sequence's cache. Absent: the planner's own.
  std::optional<uint32_t> prompt_tokens{}, context_tokens{};
};

struct PreviewStage {
  std::string node{};
  std::string device{};
  wire::LayerRange layers{};
  wire::StageMemory memory{};
  double decode_s = 0;
  double hop_s = 0;
};

struct PreviewPlan {
  std::vector<PreviewStage> stages{};
  wire::PredictedSpeed predicted{};
};

// A plan that was not chosen.
struct PreviewAlternative {
  std::string name{};
  std::optional<PreviewPlan> plan{};  // absent: there is no such plan
  std::string reason{};               // then why
};

struct PreviewUnused {
  std::string node{};
  std::string device{};
  std::string constraint{};
  std::string reason{};
};

struct PlanPreview {
  std::string model{};
  uint32_t layers = 0;
  wire::ServingSettings settings{};
  bool proven = false;  // no other plan is better by the cost model
  PreviewPlan plan{};
  std::vector<PreviewAlternative> alternatives{};
  std::vector<PreviewUnused> unused{};
  std::vector<std::string> makes_room{};  // models that would be unloaded for it
};

// The plan for `model`, as `request` has it, with the nodes of the state that are online. What other models need is
// free only if there is no plan without it: then those that are not pinned are unloaded, all of them in this
// prediction. Pure.
// Errors: those of placement::assign_layers() and placement::parse_layers(); not_found (a device to do without).
Result<PlanPreview> preview_plan(const wire::ReplicatedState& state, wire::ServedModel model,
                                 const PreviewRequest& request);

}  // namespace exogpu::node
