// Which devices run a model, and why: a pure function of what was measured and what is wanted.
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

// Layers that a device holds: given by hand, or resident already.
struct AssignedLayers {
  wire::DeviceRef device;
  wire::LayerRange layers;
};

struct PlacementRequest {
  wire::ServingSettings serving;  // memory for full contexts is set aside; prompts are cut into chunks of batch_tokens
  uint32_t context_mean = 0;      // tokens a sequence holds when its speed is predicted; 0: half of the context
  uint32_t prompt = 0;            // tokens, of the time to the first token; 0: 512, or a shorter context
  uint32_t devices_min = 1;       // also where fewer are faster; as many as there are when there are fewer
  std::vector<wire::DeviceRef> excluded;
  std::vector<AssignedLayers> fixed_layers;  // in ring order; empty: the planner decides
};

// A way that was not taken.
struct Alternative {
  std::string name;                // "best single device"
  std::optional<wire::Plan> plan;  // absent: there is none
  std::string reason;              // why there is none
};

struct UnusedDevice {
  wire::DeviceRef device;
  std::string_view constraint;  // the name of a constraint or preference: "memory", "speed"
  std::string reason;           // "slower with it: 31.0 against 38.2 tokens/s"
};

struct PlacementResult {
  wire::Plan plan;
  bool proven = false;  // no other plan is better by the cost model; else the best that a search found
  std::vector<Alternative> alternatives;
  std::vector<UnusedDevice> unused;  // in the order of the view
};

// Memory for weights, the full KV cache and scratch is a hard constraint, as are excluded devices and links
// that do not exist. Among what they allow, the fastest by the objective; of plans as fast, that of fewer devices.
//
// Up to kExactDevices devices (identical ones of a node count as one kind) the answer is the best there is, unless the
// search grows too large; beyond that it is found by a beam search. Deterministic.
//
// Errors: invalid_argument (what in the input makes no sense, by name; layers by hand that do not cover the model in
// order), out_of_memory (no plan has room; says how many bytes are missing), unavailable (there would be room, but no
// ring of links).
Result<PlacementResult> assign_layers(const wire::ClusterView& view, const wire::ModelShape& shape,
                                      const PlacementRequest& request);

inline constexpr size_t kExactDevices = 12;

// The best plan in which `parts`, in ring order, stay where they are, and the layers that none of them has, which must
// be one run, go to one device: one that has no part, or one with a part beside the run, which then has two stages. It
// counts as one with both, as they compute one after the other. At least `devices_min` devices; without alternatives.
// `fixed_layers` and `devices_min` of the request mean nothing here.
//
// Errors: invalid_argument, not_found (there is no such plan; why).
Result<PlacementResult> assign_missing_layers(const wire::ClusterView& view, const wire::ModelShape& shape,
                                              const PlacementRequest& request, const std::vector<AssignedLayers>& parts,
                                              size_t devices_min);

// "desk/vulkan0", or "vulkan0" when all devices of the view are of one node.
std::string label(const wire::ClusterView& view, const wire::DeviceRef& device);

}  // namespace exogpu::placement
