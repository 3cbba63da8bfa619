#include "placement/why.h"

#include <algorithm>
#include <format>
#include <optional>

#include "placement/constraints.h"
#include "placement/explain.h"
#include "placement/input.h"
#include "placement/planner.h"

namespace exogpu::placement {
namespace {

Ring ring_of(const CostModel& model, const wire::Plan& plan) {
  Ring ring;
  for (const wire::Stage& stage : plan.stages) ring.push_back({index_of(model.view(), stage.device), stage.layers});
  return ring;
}

// What a constraint that holds is about, in numbers.
std::string room_text(const CostModel& model, size_t device) {
  uint32_t fits = 0;
  for (uint32_t end = 1; end <= model.layers(); ++end) {
    if (model.memory({0, end}).total() <= model.memory_free(device)) fits = end;
  }
  return std::format("{} free: room for {} of {} layers", format_bytes(model.memory_free(device)), fits,
                     model.layers());
}

Verdict alone(const CostModel& model, const DeviceConstraint& constraint, size_t device) {
  if (auto reason = constraint.breach(model, device)) return {constraint.name, false, *std::move(reason)};
  return {constraint.name, true,
          constraint.name == "memory" ? room_text(model, device) : std::string("the user allows it")};
}

Verdict beside(const CostModel& model, const PairConstraint& constraint, const Ring& ring, size_t device) {
  for (const Piece& piece : ring) {
    if (piece.device == device) continue;
    if (auto reason = constraint.breach(model, device, piece.device))
      return {constraint.name, false, *std::move(reason)};
  }
  return {constraint.name, true, "nothing between it and the devices of the plan"};
}

Verdict speed_of_use(const Planner& planner, const Ring& ring, size_t device) {
  for (const Piece& piece : ring) {
    if (piece.device != device) continue;
    const wire::StageMemory need = planner.model.memory(piece.layers);
    return {"speed", true,
            std::format("it has layers {} to {}, which need {}: no plan that was found is better without them",
                        piece.layers.begin, piece.layers.end - 1, format_bytes(need.total()))};
  }
  return {"speed", true, unused_reason(planner, ring, device).reason};
}

}  // namespace

Result<std::vector<Verdict>> why(const wire::ClusterView& view, const wire::ModelShape& shape,
                                 const PlacementRequest& request, const PlacementResult& result,
                                 const wire::DeviceRef& device) {
  const size_t index = index_of(view, device);
  if (index == view.devices.size()) {
    return fail(ErrorCode::invalid_argument, "there is no device {}", label(view, device));
  }
  const CostModel model(view, shape, request);
  const Planner planner(model);
  const Ring ring = ring_of(model, result.plan);
  std::vector<Verdict> verdicts;
  for (const DeviceConstraint& constraint : device_constraints()) verdicts.push_back(alone(model, constraint, index));
  const bool usable = std::ranges::all_of(verdicts, &Verdict::allows);
  for (const PairConstraint& constraint : pair_constraints()) {
    verdicts.push_back(beside(model, constraint, ring, index));
  }
  if (usable) verdicts.push_back(speed_of_use(planner, ring, index));
  return verdicts;
}

}  // namespace exogpu::placement
