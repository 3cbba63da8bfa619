#include "placement/why.h"

#include <format>
#include <optional>

#include "placement/explain.h"
#include "placement/input.h"
#include "placement/planner.h"

namespace exogpu::placement {
namespace {

// Of the device alone, and beside the devices of the plan.
Verdict verdict_of(const Constraint& constraint, GivenUp given_up, const Ring& ring, size_t device) {
  std::optional<std::string> reason;
  if (constraint.alone) reason = constraint.alone(device);
  for (const Piece& piece : ring) {
    if (reason || !constraint.beside || piece.device == device) continue;
    reason = constraint.beside(device, piece.device);
  }
  if (!reason) return {constraint.name, true, constraint.met(device)};
  if (constraint.holds(given_up)) return {constraint.name, false, *std::move(reason)};
  return {constraint.name, true, *std::move(reason) + "; without such devices there is no plan"};
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
  const CostModel model(view, shape, request, result.given_up);
  const Planner planner(model);
  const Ring ring = ring_of(view, result.plan);
  std::vector<Verdict> verdicts;
  for (const Constraint& constraint : planner.constraints)
    verdicts.push_back(verdict_of(constraint, model.given_up(), ring, index));
  if (!planner.breach(index)) verdicts.push_back(speed_of_use(planner, ring, index));
  return verdicts;
}

}  // namespace exogpu::placement
