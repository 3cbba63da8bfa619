// Plans with parts that remain on their devices.
#include <algorithm>
#include <optional>
#include <utility>

#include "placement/change.h"
#include "placement/explain.h"
#include "placement/input.h"
#include "placement/planner.h"

namespace exogpu::placement {
namespace {

// A ring with a missing run of layers.
struct Gap {
  Ring parts;
  size_t at = 0;  // the index of the part after the gap
  wire::LayerRange layers;
};

// A part whose device violates a constraint is missing, too.
Result<Gap> gap_of(const Planner& planner, const std::vector<AssignedLayers>& parts) {
  const CostModel& model = planner.model;
  Gap gap;
  uint32_t next = 0;
  const auto covered_to = [&](uint32_t layer) {
    const bool first = gap.layers.begin == gap.layers.end;
    if (layer != next && first) gap.at = gap.parts.size();
    if (layer != next && first) gap.layers = {next, layer};
    return layer == next || (layer > next && first);
  };
  for (const AssignedLayers& part : parts) {
    const size_t device = index_of(model.view(), part.device);
    if (device == model.devices()) {
      return fail(ErrorCode::invalid_argument, "there is no device {}", label(model.view(), part.device));
    }
    if (planner.breach(device)) continue;
    if (!covered_to(part.layers.begin) || part.layers.begin >= part.layers.end || part.layers.end > model.layers()) {
      return fail(ErrorCode::not_found, "what the others do not have is more than one run of layers");
    }
    gap.parts.push_back({device, part.layers});
    next = part.layers.end;
  }
  if (gap.parts.empty() && !parts.empty()) return fail(ErrorCode::not_found, "no part may remain on its device");
  if (!covered_to(model.layers())) {
    return fail(ErrorCode::not_found, "what the others do not have is more than one run of layers");
  }
  return gap;
}

struct Beside {
  Ring ring;
  Ring joined;  // consecutive stages of one device joined into one
  double value_s = kNever;
};

// The ring with the missing layers on this device; value_s is kNever when that is impossible.
Beside beside(const Planner& planner, const Gap& gap, std::optional<size_t> device, size_t devices_min) {
  Beside with{.ring = gap.parts, .joined = {}};
  if (device) with.ring.insert(with.ring.begin() + static_cast<ptrdiff_t>(gap.at), {*device, gap.layers});
  std::vector<Bytes> used(planner.model.devices());
  for (const Piece& piece : with.ring) {
    used[piece.device] += planner.model.memory(piece.layers).total();
    const bool shared = std::ranges::any_of(
        with.ring, [&](const Piece& other) { return planner.model.share_memory(piece.device, other.device); });
    if (shared || used[piece.device] > planner.model.memory_free(piece.device)) return with;
    if (with.joined.empty() || with.joined.back().device != piece.device) {
      if (std::ranges::contains(with.joined, piece.device, &Piece::device)) return with;
      with.joined.push_back(piece);
    } else {
      with.joined.back().layers.end = piece.layers.end;
    }
  }
  if (with.joined.size() >= devices_min) with.value_s = least_s(planner.problems, with.joined);
  return with;
}

}  // namespace

Result<PlacementResult> assign_missing_layers(const wire::ClusterView& view, const wire::ModelShape& shape,
                                              const PlacementRequest& request, const std::vector<AssignedLayers>& parts,
                                              size_t devices_min, GivenUp given_up) {
  EXO_CHECK(check_shape(shape));
  EXO_CHECK(check_view(view));
  PlacementRequest others = request;
  others.fixed_layers.clear();
  EXO_CHECK(check_request(others, view, shape));
  const CostModel model(view, shape, others, given_up);
  const Planner planner(model);
  EXO_TRY(Gap gap, gap_of(planner, parts));
  Beside best;
  if (gap.layers.begin == gap.layers.end) {
    best = beside(planner, gap, {}, devices_min);
  } else {
    for (const size_t d : planner.usable) {
      Beside next = beside(planner, gap, d, devices_min);
      if (next.value_s < best.value_s) best = std::move(next);
    }
  }
  if (best.value_s == kNever) {
    return fail(ErrorCode::not_found, "no device can take layers {} to {} while the others keep theirs",
                gap.layers.begin, gap.layers.end);
  }
  PlacementResult result;
  result.plan = plan_of(model, best.ring);
  result.given_up = given_up;
  result.plan.predicted = predict(model, best.joined);
  add_unused(planner, result, best.joined);
  return result;
}

}  // namespace exogpu::placement
