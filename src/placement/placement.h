// Plans which device computes which layers, with reasons: a pure function of profiles and a request.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "placement/soft.h"
#include "wire/device_profile.h"
#include "wire/model_shape.h"
#include "wire/plan.h"
#include "wire/serving_settings.h"

namespace exogpu::placement {

// Layers of a device that the plan must use: fixed by the user, or resident already.
struct AssignedLayers {
  wire::DeviceRef device;
  wire::LayerRange layers;
};

// Why a device is not to be used, by those who know: its owner (access), the node that failed to load its layers, what
// its kernels compute (precision), its sensors. The last three are soft.
enum class Rule : uint8_t { access, failed, precision, power, battery, heat };
// Absent: hard.
std::optional<Soft> soft_of(Rule rule);
std::string_view to_string(Rule rule);
std::optional<Rule> rule_of(std::string_view name);
struct DeviceRule {
  wire::DeviceRef device;
  Rule rule = Rule::access;
  std::string reason;  // for people: "it is critically hot"
};

// As many partial rings as an exact search has in less than a tenth of a second.
inline constexpr size_t kLabelsMax = 100'000;

struct PlacementRequest {
  wire::ServingSettings
      serving;  // memory for full contexts, or the pool, is reserved; prompts are cut into chunks of batch_tokens
  uint32_t context_mean =
      0;  // tokens in the cache of a sequence for predictions; 0: half of the context, in a pool at most 2,048
  uint32_t prompt = 0;       // tokens, for the time to the first token; 0: 512, or a shorter context
  uint32_t devices_min = 1;  // even if fewer are faster; all devices when there are fewer
  std::vector<wire::DeviceRef> excluded;
  std::vector<AssignedLayers> fixed_layers;  // in ring order; empty: the planner decides
  std::vector<DeviceRule> rules;
  std::vector<wire::LayerRange> together;                         // each on one device
  std::set<std::pair<wire::NodeId, wire::NodeId>> links_avoided;  // the lower id first; soft
  std::map<wire::DeviceRef, Bytes> memory_spared;                 // of the free memory; soft
  bool streams =
      false;  // where nothing has memory for all layers, one device may read some from its disk for each step
  size_t labels_max = kLabelsMax;  // partial rings in memory before an exact search gives up
};

// A plan that was not chosen.
struct Alternative {
  std::string name;                // "best single device"
  std::optional<wire::Plan> plan;  // absent: there is no such plan
  std::string reason;              // then why
};

struct UnusedDevice {
  wire::DeviceRef device;
  std::string_view constraint;  // the name of a constraint or preference: "memory", "speed"
  std::string reason;           // "slower with it: 31.0 against 38.2 tokens/s"
};

// How a plan was found.
enum class Method : uint8_t {
  exact,   // no other plan is better by the cost model
  search,  // the best one that a search found before it had to end
  greedy,  // the search found none: the first one that meets the constraints, improved
};

struct PlacementResult {
  wire::Plan plan;
  bool proven = false;  // no other plan is better by the cost model; else the best one that a search found
  Method method = Method::search;
  GivenUp given_up;  // the soft constraints that no plan meets together with those above them
  std::vector<Alternative> alternatives;
  std::vector<UnusedDevice> unused;  // in the order of the view
};

// constraints.h has the constraints. Those that are soft are ranked (soft.h): the planner gives up as few of the more
// important ones as it can, and then as few of the others. The result is the fastest plan by the objective that the
// remaining ones allow; of equally fast plans, the one with fewer devices. Fixed layers ignore soft constraints. For
// efficiency it is the one with the least energy for a token that a few searches find, at no less than half of the best
// speed.
//
// Where there is no such plan for lack of memory, and the request allows it: the fastest one of a single device, of
// those whose rate of reading from the disk is known, on which as many layers stream as have no room.
//
// Up to kExactDevices devices (interchangeable ones are tried in one order) the plan is proven to be the best, unless
// the search grows too large; beyond that a beam search finds it. Its work is bounded: less than a tenth of a second
// for 128 devices and 126 layers. Deterministic.
//
// Errors: invalid_argument (names the wrong field of the input, such as fixed layers that do not cover the model in
// order), out_of_memory (names the missing bytes), unavailable (there is memory, but no ring of links).
Result<PlacementResult> assign_layers(const wire::ClusterView& view, const wire::ModelShape& shape,
                                      const PlacementRequest& request);

inline constexpr size_t kExactDevices = 12;

// The best plan in which `parts`, in ring order, remain on their devices, and one device gets the missing layers, which
// must be one run: a device without a part, or one with a part next to the run, which then has two stages. The
// prediction counts these as one stage, since they compute one after the other. At least `devices_min` devices; no
// alternatives. Parts on devices that violate a constraint, but for those `given_up`, are missing as well.
// `fixed_layers` and `devices_min` of the request are ignored.
//
// Errors: invalid_argument, not_found (there is no such plan; with the reason).
Result<PlacementResult> assign_missing_layers(const wire::ClusterView& view, const wire::ModelShape& shape,
                                              const PlacementRequest& request, const std::vector<AssignedLayers>& parts,
                                              size_t devices_min, GivenUp given_up = {});

// "desk/vulkan0", or "vulkan0" when all devices of the view are of one node.
std::string label(const wire::ClusterView& view, const wire::DeviceRef& device);

}  // namespace exogpu::placement
