// Plans which device computes which layers, with reasons: a pure function of profiles and a request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
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

struct PlacementRequest {
  wire::ServingSettings
      serving;  // memory for full contexts, or the pool, is reserved; prompts are cut into chunks of batch_tokens
  uint32_t context_mean =
      0;  // tokens in the cache of a sequence for predictions; 0: half of the context, in a pool at most 2,048
  uint32_t prompt = 0;       // tokens, for the time to the first token; 0: 512, or a shorter context
  uint32_t devices_min = 1;  // even if fewer are faster; all devices when there are fewer
  std::vector<wire::DeviceRef> excluded;
  std::vector<AssignedLayers> fixed_layers;  // in ring order; empty: the planner decides
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

struct PlacementResult {
  wire::Plan plan;
  bool proven = false;  // no other plan is better by the cost model; else the best one that a search found
  std::vector<Alternative> alternatives;
  std::vector<UnusedDevice> unused;  // in the order of the view
};

// Memory for weights, the full KV cache and scratch is a hard constraint, as are excluded devices and links
// that do not exist. The result is the fastest plan by the objective that they allow; of equally fast plans, the one
// with fewer devices.
//
// Up to kExactDevices devices (identical ones of a node count as one kind) the plan is proven to be the best, unless
// the search grows too large; beyond that a beam search finds it. Deterministic.
//
// Errors: invalid_argument (names the wrong field of the input, such as fixed layers that do not cover the model in
// order), out_of_memory (names the missing bytes), unavailable (there is memory, but no ring of links).
Result<PlacementResult> assign_layers(const wire::ClusterView& view, const wire::ModelShape& shape,
                                      const PlacementRequest& request);

inline constexpr size_t kExactDevices = 12;

// The best plan in which `parts`, in ring order, remain on their devices, and one device gets the missing layers, which
// must be one run: a device without a part, or one with a part next to the run, which then has two stages. The
// prediction counts these as one stage, since they compute one after the other. At least `devices_min` devices; no
// alternatives. `fixed_layers` and `devices_min` of the request are ignored.
//
// Errors: invalid_argument, not_found (there is no such plan; with the reason).
Result<PlacementResult> assign_missing_layers(const wire::ClusterView& view, const wire::ModelShape& shape,
                                              const PlacementRequest& request, const std::vector<AssignedLayers>& parts,
                                              size_t devices_min);

// "desk/vulkan0", or "vulkan0" when all devices of the view are of one node.
std::string label(const wire::ClusterView& view, const wire::DeviceRef& device);

}  // namespace exogpu::placement
