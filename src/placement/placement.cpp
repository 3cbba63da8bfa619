#include "placement/placement.h"

#include <algorithm>
#include <utility>

#include "placement/efficiency.h"
#include "placement/explain.h"
#include "placement/input.h"
#include "placement/levels.h"
#include "placement/planner.h"
#include "placement/precision.h"
#include "placement/preferences.h"
#include "placement/streaming.h"

namespace exogpu::placement {
namespace {

PlacementResult result_of(const Planner& planner, const Ring& ring, const Found& found) {
  PlacementResult result = describe(planner, ring);
  result.proven = found.proven;
  result.method = found.proven ? Method::exact : Method::search;
  result.given_up = planner.model.given_up();
  return result;
}

// The reasons why devices are unused compare speeds.
PlacementResult efficient(const Planner& planner, const Ring& fastest) {
  PlacementResult result = result_of(planner, most_efficient(planner, fastest), {});
  for (UnusedDevice& unused : result.unused) {
    if (unused.reason.starts_with("faster ")) unused.reason += "; the plan is for efficiency";
  }
  return result;
}

Result<PlacementResult> decide(const Planner& planner) {
  const size_t most = std::min<size_t>(planner.ring_size_max(), planner.model.layers());
  size_t least = std::clamp<size_t>(planner.model.request().devices_min, 1, std::max<size_t>(most, 1));
  const size_t labels_max = planner.model.request().labels_max;
  Found found = planner.search({.stages_min = least, .labels_max = labels_max});
  while (!found.ring && least > 1) found = planner.search({.stages_min = --least, .labels_max = labels_max});
  const bool greedy = !found.ring && !found.proven;
  if (greedy) found = planner.greedy();
  if (!found.ring) return no_ring(planner);
  if (!found.proven) planner.improve(*found.ring);
  if (planner.model.request().serving.objective == wire::Objective::efficiency) return efficient(planner, *found.ring);
  PlacementResult result = result_of(planner, *found.ring, found);
  if (greedy) result.method = Method::greedy;
  if (least > 1) return result;
  const auto single = search_single(planner.problems.front());
  if (single.ring) {
    wire::Plan plan = plan_of(planner.model, *single.ring);
    if (better(plan, result.plan, planner.model.request().serving.objective))
      result = result_of(planner, *single.ring, found);
  }
  return result;
}

Result<void> check_ring(const Planner& planner, const Ring& ring) {
  for (size_t i = 0; i < ring.size(); ++i) {
    const Piece& piece = ring[i];
    const wire::DeviceProfile& device = planner.model.view().devices[piece.device];
    if (const Precision precision = precision_of(device, planner.model.shape()); !precision.cannot.empty())
      return fail(ErrorCode::unsupported, "{} cannot compute with {} weights; give layers {}-{} to another device",
                  planner.name(piece.device), precision.cannot, piece.layers.begin, piece.layers.end - 1);
    const wire::StageMemory need = planner.model.memory(piece.layers);
    const Bytes free = planner.model.memory_free(piece.device);
    if (need.total() > free)
      return fail(ErrorCode::out_of_memory,
                  "layers {}-{} need {} on {} (weights {}, KV cache {}, compute {}), and {} are free: {} bytes are "
                  "missing",
                  piece.layers.begin, piece.layers.end - 1, format_bytes(need.total()), planner.name(piece.device),
                  format_bytes(need.weights), format_bytes(need.cache), format_bytes(need.compute), format_bytes(free),
                  format_count(need.total() - free));
    for (size_t j = 0; j < i; ++j) {
      if (planner.model.share_memory(piece.device, ring[j].device))
        return fail(ErrorCode::invalid_argument, "{} and {} take their memory from one host; use one of them",
                    planner.name(ring[j].device), planner.name(piece.device));
    }
    const Piece& next = ring[(i + 1) % ring.size()];
    if (planner.model.hop_s(piece.device, next.device, 1) == kNever)
      return fail(ErrorCode::unavailable, "there is no link from {} to {}", planner.name(piece.device),
                  planner.name(next.device));
  }
  return {};
}

// The plan of fixed layers; the planner's own plan is the first alternative.
Result<PlacementResult> check_fixed_layers(const Planner& planner) {
  Ring ring;
  for (const AssignedLayers& stage : planner.model.request().fixed_layers)
    ring.push_back({index_of(planner.model.view(), stage.device), stage.layers});
  EXO_CHECK(check_ring(planner, ring));
  PlacementResult result = describe(planner, ring);
  result.given_up = planner.model.given_up();
  Alternative own = {.name = "the planner's own choice", .plan = {}, .reason = "no plan"};
  PlacementRequest free = planner.model.request();
  free.fixed_layers.clear();
  const CostModel model(planner.model.view(), planner.model.shape(), free,
                        least_given_up(planner.model.view(), planner.model.shape(), free));
  const Found found = Planner(model).search({});
  if (found.ring) own.plan = plan_of(model, *found.ring);
  result.alternatives.insert(result.alternatives.begin(), std::move(own));
  return result;
}

Result<PlacementResult> assign_in_memory(const wire::ClusterView& view, const wire::ModelShape& shape,
                                         const PlacementRequest& request) {
  EXO_CHECK(check_shape(shape));
  EXO_CHECK(check_view(view));
  EXO_CHECK(check_request(request, view, shape));
  const CostModel model(view, shape, request, least_given_up(view, shape, request));
  const Planner planner(model);
  return request.fixed_layers.empty() ? decide(planner) : check_fixed_layers(planner);
}

}  // namespace

Result<PlacementResult> assign_layers(const wire::ClusterView& view, const wire::ModelShape& shape,
                                      const PlacementRequest& request) {
  auto in_memory = assign_in_memory(view, shape, request);
  const bool may_stream = request.streams && request.fixed_layers.empty();
  if (in_memory || !may_stream || in_memory.error().code != ErrorCode::out_of_memory) return in_memory;
  // What a node that is short of memory would like to keep is better read from the disk.
  auto streams = plan_that_streams(CostModel(view, shape, request), assign_in_memory);
  if (!streams)
    streams =
        plan_that_streams(CostModel(view, shape, request, least_given_up(view, shape, request)), assign_in_memory);
  return streams ? *std::move(streams) : std::move(in_memory);
}

}  // namespace exogpu::placement
