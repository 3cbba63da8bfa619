#include "placement/placement.h"

#include <algorithm>
#include <format>

#include "placement/change.h"
#include "placement/constraints.h"
#include "placement/input.h"
#include "placement/preferences.h"
#include "placement/search.h"

namespace exogpu::placement {
namespace {

constexpr size_t kThoroughDevices = 64;  // beyond, changes of a ring are tried at its cuts alone
constexpr size_t kManyDevices = 100;     // beyond, fewer numbers of groups are tried
constexpr uint32_t kGroupsOfMany = 8;
constexpr size_t kAlternativeLabelsMax = 200'000;  // an alternative is worth less time than the plan
constexpr int kImprovementsMax = 8;

std::vector<RingProblem> problems_of(const CostModel& model) {
  std::vector<RingProblem> problems;
  switch (model.request().serving.objective) {
    case wire::Objective::latency: problems.push_back(RingProblem::decode_alone(model)); break;
    case wire::Objective::first_token: problems.push_back(RingProblem::first_token(model)); break;
    case wire::Objective::throughput:
      for (uint32_t groups : group_counts(model.request().serving.sequences)) {
        if (model.devices() > kManyDevices && groups > kGroupsOfMany) break;
        problems.push_back(RingProblem::decode_groups(model, groups));
      }
      break;
  }
  return problems;
}

class Planner {
 public:
  explicit Planner(const CostModel& model) : model_(model), problems_(problems_of(model)) {
    for (size_t d = 0; d < model.devices(); ++d) {
      if (breach_of(model, d)) {
        for (RingProblem& problem : problems_) problem.forbid(d);
      } else {
        usable_.push_back(d);
      }
    }
  }

  Result<PlacementResult> decide() {
    const size_t most = std::min<size_t>(ring_size_max(), model_.layers());
    size_t least = std::clamp<size_t>(model_.request().devices_min, 1, std::max<size_t>(most, 1));
    Found found = search({.stages_min = least});
    while (!found.ring && least > 1) found = search({.stages_min = --least});
    if (!found.ring) return no_ring();
    if (!found.proven) improve(*found.ring);
    PlacementResult answer = describe(*found.ring);
    answer.proven = found.proven;
    if (least > 1) return answer;
    const auto single = search_single(problems_.front());
    if (single.ring) {
      wire::Plan plan = plan_of(model_, *single.ring);
      if (better(plan, answer.plan, model_.request().serving.objective)) {
        const bool proven = answer.proven;
        answer = describe(*single.ring);
        answer.proven = proven;
      }
    }
    return answer;
  }

  Result<PlacementResult> decide_beside(const std::vector<AssignedLayers>& parts, size_t devices_min) {
    EXO_TRY(Gap gap, gap_of(parts));
    Beside best;
    if (gap.layers.begin == gap.layers.end) {
      best = beside(gap, {}, devices_min);
    } else {
      for (const size_t d : usable_) {
        Beside next = beside(gap, d, devices_min);
        if (next.value_s < best.value_s) best = std::move(next);
      }
    }
    if (best.value_s == kNever) {
      return fail(ErrorCode::not_found, "no device can take layers {} to {} while the others keep theirs",
                  gap.layers.begin, gap.layers.end);
    }
    PlacementResult answer;
    answer.plan = plan_of(model_, best.ring);
    answer.plan.predicted = predict(model_, best.joined);
    add_left_out(answer, best.joined);
    return answer;
  }

  // The plan given by hand; what the planner itself would do comes first of the alternatives.
  Result<PlacementResult> check_by_hand() {
    Ring ring;
    for (const AssignedLayers& stage : model_.request().by_hand)
      ring.push_back({index_of(model_.view(), stage.device), stage.layers});
    EXO_CHECK(check_ring(ring));
    PlacementResult answer = describe(ring);
    Found found = search({});
    Alternative own = {.name = "the planner's own choice", .plan = {}, .reason = "no plan"};
    if (found.ring) own.plan = plan_of(model_, *found.ring);
    answer.alternatives.insert(answer.alternatives.begin(), std::move(own));
    return answer;
  }

 private:
  std::string name(size_t device) const { return label(model_.view(), model_.view().devices[device].id); }

  Found search(const SearchLimits& limits) const {
    Found best;
    const bool exactly = usable_.size() <= kExactDevices;
    for (const RingProblem& problem : problems_) {
      Found found = search_beam(problem, limits);
      if (found.value_s < best.value_s) best = std::move(found);
    }
    bool proven = exactly;
    for (const RingProblem& problem : problems_) {
      if (!exactly) break;
      best = search_exactly(problem, limits, best);
      proven = proven && best.proven;
    }
    best.proven = proven;
    return best;
  }

  // Gives layers to devices that make the ring faster, one at a time.
  void improve(Ring& ring) const {
    for (int i = 0; i < kImprovementsMax; ++i) {
      Changed best = {.ring = {}, .value_s = least_s(problems_, ring) * (1 - 1e-9)};
      for (size_t d : usable_) {
        if (std::ranges::contains(ring, d, &Piece::device)) continue;
        Changed changed = with_device(problems_, ring, d, Change::any, false);
        if (changed.value_s < best.value_s) best = std::move(changed);
      }
      if (best.ring.empty()) return;
      ring = std::move(best.ring);
    }
  }

  PlacementResult describe(const Ring& ring) const {
    PlacementResult answer;
    answer.plan = plan_of(model_, ring);
    add_alternatives(answer);
    add_left_out(answer, ring);
    return answer;
  }

  void add_left_out(PlacementResult& answer, const Ring& ring) const {
    for (size_t d = 0; d < model_.devices(); ++d) {
      if (!std::ranges::contains(ring, d, &Piece::device)) answer.left_out.push_back(why_left_out(ring, d));
    }
  }

  // A ring that lacks a run of layers.
  struct Gap {
    Ring parts;
    size_t at = 0;  // before this part
    wire::LayerRange layers;
  };

  Result<Gap> gap_of(const std::vector<AssignedLayers>& parts) const {
    Gap gap;
    uint32_t next = 0;
    const auto covered_to = [&](uint32_t layer) {
      const bool first = gap.layers.begin == gap.layers.end;
      if (layer != next && first) gap.at = gap.parts.size();
      if (layer != next && first) gap.layers = {next, layer};
      return layer == next || (layer > next && first);
    };
    for (const AssignedLayers& part : parts) {
      const size_t device = index_of(model_.view(), part.device);
      if (device == model_.devices()) {
        return fail(ErrorCode::invalid_argument, "there is no device {}", label(model_.view(), part.device));
      }
      if (!covered_to(part.layers.begin) || part.layers.begin >= part.layers.end || part.layers.end > model_.layers()) {
        return fail(ErrorCode::not_found, "what the others do not have is more than one run of layers");
      }
      gap.parts.push_back({device, part.layers});
      next = part.layers.end;
    }
    if (!covered_to(model_.layers())) {
      return fail(ErrorCode::not_found, "what the others do not have is more than one run of layers");
    }
    return gap;
  }

  struct Beside {
    Ring ring;
    Ring joined;  // with stages that follow one another on a device as one
    double value_s = kNever;
  };

  // With the gap's layers on this device. value_s is kNever where that cannot be.
  Beside beside(const Gap& gap, std::optional<size_t> device, size_t devices_min) const {
    Beside with{.ring = gap.parts, .joined = {}};
    if (device) with.ring.insert(with.ring.begin() + static_cast<ptrdiff_t>(gap.at), {*device, gap.layers});
    std::vector<Bytes> used(model_.devices());
    for (const Piece& piece : with.ring) {
      used[piece.device] += model_.memory(piece.layers).total();
      const bool shared = std::ranges::any_of(
          with.ring, [&](const Piece& other) { return model_.share_memory(piece.device, other.device); });
      if (shared || used[piece.device] > model_.memory_free(piece.device)) return with;
      if (with.joined.empty() || with.joined.back().device != piece.device) {
        if (std::ranges::contains(with.joined, piece.device, &Piece::device)) return with;
        with.joined.push_back(piece);
      } else {
        with.joined.back().layers.end = piece.layers.end;
      }
    }
    if (with.joined.size() >= devices_min) with.value_s = least_s(problems_, with.joined);
    return with;
  }

  // How many devices one ring can have: of those that share a memory, one.
  size_t ring_size_max() const {
    size_t count = 0;
    for (size_t i = 0; i < usable_.size(); ++i) {
      const bool first = std::none_of(usable_.begin(), usable_.begin() + static_cast<ptrdiff_t>(i),
                                      [&](size_t d) { return model_.share_memory(d, usable_[i]); });
      count += first ? 1 : 0;
    }
    return count;
  }

  void add_alternatives(PlacementResult& answer) const {
    Found single = search_single(problems_.front());
    add(answer, "best single device", single, "no device has room for the whole model");
    const size_t most = ring_size_max();
    if (most < 2) return;
    const SearchLimits two = {.stages_min = 2, .stages_max = 2, .labels_max = kAlternativeLabelsMax};
    add(answer, "best two devices", search(two), "no two devices have room for the model and a link both ways");
    if (most == 2 || most > kExactDevices || most > model_.layers()) return;
    const SearchLimits all = {.stages_min = most, .stages_max = most, .labels_max = kAlternativeLabelsMax};
    add(answer,
        most == usable_.size() ? std::format("all {} devices", most)
                               : std::format("{} devices, the most at once", most),
        search(all), "no ring of them was found");
  }

  void add(PlacementResult& answer, std::string name, const Found& found, std::string reason) const {
    Alternative alternative = {.name = std::move(name), .plan = {}, .reason = {}};
    if (found.ring) {
      alternative.plan = plan_of(model_, *found.ring);
    } else {
      alternative.reason = std::move(reason);
    }
    answer.alternatives.push_back(std::move(alternative));
  }

  LeftOut why_left_out(const Ring& ring, size_t device) const {
    LeftOut left = {.device = model_.view().devices[device].id, .why = {}, .reason = {}};
    if (auto breach = breach_of(model_, device)) {
      left.why = breach->constraint;
      left.reason = std::move(breach->reason);
      return left;
    }
    const double value_s = least_s(problems_, ring);
    const bool thorough = model_.devices() <= kThoroughDevices;
    Changed changed = with_device(problems_, ring, device, Change::join, thorough);
    const bool joins = changed.value_s < kNever;
    if (!joins) changed = with_device(problems_, ring, device, Change::any, thorough);
    const std::optional<Breach> apart = joins ? std::nullopt : kept_apart(ring, device);
    if (apart) {
      left.why = apart->constraint;
      left.reason = apart->reason;
    }
    if (changed.value_s == kNever) {
      if (!apart) left.why = "memory";
      if (!apart) left.reason = "no cut between it and the devices of the plan leaves all of them enough memory";
      return left;
    }
    const bool faster = changed.value_s < value_s * (1 - 1e-9);  // than layers given by hand
    const bool slower = changed.value_s > value_s * (1 + 1e-9);
    const std::string speeds = std::format("{} {}: {}",
                                           faster   ? "faster"
                                           : slower ? "slower"
                                                    : "no faster",
                                           joins ? "with it" : "in the place of " + replaced(ring, changed.ring),
                                           speeds_text(changed.value_s, value_s, model_.request()));
    if (!apart) left.why = "speed";
    left.reason = apart ? left.reason + "; " + speeds : speeds;
    return left;
  }

  std::optional<Breach> kept_apart(const Ring& ring, size_t device) const {
    for (const PairConstraint& constraint : pair_constraints()) {
      for (const Piece& piece : ring) {
        if (auto reason = constraint.breach(model_, device, piece.device))
          return Breach{constraint.name, *std::move(reason)};
      }
    }
    return {};
  }

  // The devices of the first ring that the second lacks.
  std::string replaced(const Ring& ring, const Ring& changed) const {
    std::string names;
    for (const Piece& piece : ring) {
      if (!std::ranges::contains(changed, piece.device, &Piece::device))
        names += (names.empty() ? "" : ", ") + name(piece.device);
    }
    return names;
  }

  Result<void> check_ring(const Ring& ring) const {
    for (size_t i = 0; i < ring.size(); ++i) {
      const Piece& piece = ring[i];
      const wire::StageMemory need = model_.memory(piece.layers);
      const Bytes free = model_.memory_free(piece.device);
      if (need.total() > free)
        return fail(ErrorCode::out_of_memory,
                    "layers {}-{} need {} on {} (weights {}, KV cache {}, compute {}), and {} are free: {} bytes are "
                    "missing",
                    piece.layers.begin, piece.layers.end - 1, format_bytes(need.total()), name(piece.device),
                    format_bytes(need.weights), format_bytes(need.cache), format_bytes(need.compute),
                    format_bytes(free), format_count(need.total() - free));
      for (size_t j = 0; j < i; ++j) {
        if (model_.share_memory(piece.device, ring[j].device))
          return fail(ErrorCode::invalid_argument, "{} and {} take their memory from one host; use one of them",
                      name(ring[j].device), name(piece.device));
      }
      const Piece& next = ring[(i + 1) % ring.size()];
      if (model_.hop_s(piece.device, next.device, 1) == kNever)
        return fail(ErrorCode::unavailable, "there is no link from {} to {}", name(piece.device), name(next.device));
    }
    return {};
  }

  // Why not even one ring was found.
  std::unexpected<Error> no_ring() const {
    const wire::ModelShape& shape = model_.shape();
    const wire::StageMemory whole = model_.memory({0, model_.layers()});
    const std::string sizes = std::format("{} needs {} for weights and {} for the KV cache", shape.name,
                                          format_bytes(whole.weights), format_bytes(whole.cache));
    if (usable_.empty()) {
      std::string reasons;
      for (size_t d = 0; d < model_.devices() && d < 8; ++d)
        reasons += std::format("; {}: {}", name(d), breach_of(model_, d)->reason);
      return fail(ErrorCode::out_of_memory, "{}, and no device may be used{}", sizes, reasons);
    }
    const Bytes room = room_together();
    const Bytes need = whole.weights + whole.cache;
    const std::string devices = usable_.size() == 1 ? std::format("{} has", name(usable_.front()))
                                                    : std::format("{} devices have", usable_.size());
    if (need > room)
      return fail(ErrorCode::out_of_memory, "{}, and {} room for {} beside their scratch memory: {} bytes are missing",
                  sizes, devices, format_bytes(room), format_count(need - room));
    const std::string room_text = std::format("{}, and {} room for {}", sizes, devices, format_bytes(room));
    if (const uint32_t whole_layers = layers_together(); whole_layers < model_.layers())
      return fail(ErrorCode::out_of_memory, "{}, but in whole layers only for {} of {}", room_text, whole_layers,
                  model_.layers());
    if (!linked())
      return fail(ErrorCode::unavailable, "{}, but they are not linked in a ring; a stage must reach the next",
                  room_text);
    return fail(ErrorCode::out_of_memory, "{}, but no way was found to cut the model so that every part fits",
                room_text);
  }

  // Layers that find room, each whole, if every device could choose which.
  uint32_t layers_together() const {
    std::vector<uint32_t> runs;
    for (size_t d : usable_) {
      uint32_t longest = 1;  // it has room for one, or it would not be usable
      for (uint32_t l = 0; l < model_.layers(); ++l) longest = std::max(longest, problems_.front().end_max(d, l) - l);
      runs.push_back(longest);
    }
    uint32_t sum = 0;
    for (size_t i = 0; i < usable_.size(); ++i) {
      bool counted_elsewhere = false;
      for (size_t j = 0; j < usable_.size(); ++j) {
        if (!model_.share_memory(usable_[i], usable_[j])) continue;
        counted_elsewhere = counted_elsewhere || runs[j] > runs[i] || (runs[j] == runs[i] && j < i);
      }
      if (!counted_elsewhere) sum += runs[i];
    }
    return sum;
  }

  // Beside the scratch memory of each stage; of devices that share a memory, the largest.
  Bytes room_together() const {
    Bytes room = 0;
    for (size_t d : usable_) {
      const bool counted_elsewhere = std::ranges::any_of(usable_, [&](size_t other) {
        if (!model_.share_memory(d, other)) return false;
        const Bytes mine = model_.memory_free(d), theirs = model_.memory_free(other);
        return theirs > mine || (theirs == mine && other < d);
      });
      const Bytes compute = model_.shape().compute_bytes;
      if (!counted_elsewhere && model_.memory_free(d) > compute) room += model_.memory_free(d) - compute;
    }
    return room;
  }

  bool linked() const {
    for (size_t a : usable_) {
      for (size_t b : usable_) {
        if (model_.hop_s(a, b, 1) == kNever) return false;
      }
    }
    return true;
  }

  const CostModel& model_;
  std::vector<RingProblem> problems_;
  std::vector<size_t> usable_;
};

}  // namespace

Result<PlacementResult> assign_layers(const wire::ClusterView& view, const wire::ModelShape& shape,
                                      const PlacementRequest& request) {
  EXO_CHECK(check_shape(shape));
  EXO_CHECK(check_view(view));
  EXO_CHECK(check_request(request, view, shape));
  const CostModel model(view, shape, request);
  Planner planner(model);
  return request.by_hand.empty() ? planner.decide() : planner.check_by_hand();
}

Result<PlacementResult> assign_missing_layers(const wire::ClusterView& view, const wire::ModelShape& shape,
                                              const PlacementRequest& request, const std::vector<AssignedLayers>& parts,
                                              size_t devices_min) {
  EXO_CHECK(check_shape(shape));
  EXO_CHECK(check_view(view));
  PlacementRequest others = request;
  others.by_hand.clear();
  EXO_CHECK(check_request(others, view, shape));
  const CostModel model(view, shape, others);
  return Planner(model).decide_beside(parts, devices_min);
}

}  // namespace exogpu::placement
