// Compares with the best of all rings, and checks what must hold for every result.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <format>
#include <map>

#include "placement/constraints.h"
#include "placement/ring.h"
#include "placement/search.h"
#include "placement/testing/examples.h"

namespace exogpu::placement {
namespace {

using testing::example_device;
using testing::example_shape;
using testing::MB;

// RapidCheck's hundred cases, each of them twenty.
template <typename Check>
bool holds(Check&& check) {
  return rc::check([&] {
    for (int i = 0; i < 20; ++i) check();
  });
}

struct Case {
  wire::ClusterView view;
  wire::ModelShape shape;
  PlacementRequest request;
};

// From the whole range at once, not only near its start in the first cases.
template <typename T>
T pick(T low, T high) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(low, high));
}

double between(double low, double high) { return low + (high - low) * pick(0, 1001) / 1000.0; }

// Layers of different sizes, devices of different speeds, some on one node, some without a link, some out of memory.
Case random_case(int devices_max, int layers_max) {
  Case c;
  const int layers = pick(1, layers_max + 1), devices = pick(1, devices_max + 1);
  c.shape = example_shape(static_cast<uint32_t>(layers));
  const bool alike = *rc::gen::arbitrary<bool>();
  const bool mixture = *rc::gen::arbitrary<bool>();
  const bool shares_caches = pick(0, 3) == 0;
  c.shape.experts_used_share = mixture ? 0.25 : 1;
  for (wire::LayerShape& layer : c.shape.layers) {
    if (!alike) layer.weight_bytes = static_cast<Bytes>(between(20, 200)) * MB;
    layer.active_weight_bytes = mixture ? layer.weight_bytes / 3 : layer.weight_bytes;
    if (!alike) layer.kv_bytes_per_token = static_cast<Bytes>(between(0, 5000));
    if (!alike) layer.state_bytes = static_cast<Bytes>(between(0, 5)) * MB;
    layer.joined_to_previous = shares_caches && &layer != &c.shape.layers.front() && pick(0, 3) == 0;
  }
  c.shape.embedding_bytes = static_cast<Bytes>(between(0, 100)) * MB;
  c.shape.head_bytes = static_cast<Bytes>(between(0, 200)) * MB;
  c.shape.head_flops_per_token = 1e8;
  if (*rc::gen::arbitrary<bool>()) c.shape.ends_shared_bytes = std::min(c.shape.head_bytes, c.shape.embedding_bytes);
  c.shape.compute_bytes = static_cast<Bytes>(between(0, 30)) * MB;
  for (int i = 0; i < devices; ++i) {
    const auto node = static_cast<uint8_t>(pick(0, devices));
    const auto memory = static_cast<Bytes>(between(0, 150.0 * layers / pick(1, 5))) * MB;
    wire::DeviceProfile device = example_device(node, memory, between(1e9, 5e10));
    device.id.device = std::format("gpu{}", i);
    device.step_s = between(0, 2e-3);
    device.uses_host_memory = pick(0, 4) == 0;
    if (i > 0 && pick(0, 3) == 0) {  // like the one before
      device = c.view.devices.back();
      device.id.device = std::format("gpu{}", i);
    }
    c.view.devices.push_back(std::move(device));
  }
  for (const auto& a : c.view.devices) {
    for (const auto& b : c.view.devices) {
      if (a.id.node == b.id.node || pick(0, 6) == 0) continue;
      c.view.links.push_back({a.id.node, b.id.node, between(0, 5e-3), between(1e7, 1e9)});
    }
  }
  c.request.serving.objective =
      *rc::gen::element(wire::Objective::latency, wire::Objective::throughput, wire::Objective::first_token);
  c.request.serving.sequences = static_cast<uint32_t>(pick(1, 6));
  c.request.serving.context = 1024;
  c.request.prompt = 1000;
  c.request.serving.batch_tokens = *rc::gen::element(100u, 512u, 1000u);
  return c;
}

// Rules, spared memory, links that fail and layers that stay together, on some devices each.
void add_constraints(Case& c) {
  for (const wire::DeviceProfile& device : c.view.devices) {
    for (const Rule rule : {Rule::access, Rule::precision, Rule::power, Rule::battery, Rule::heat}) {
      if (pick(0, 12) == 0) c.request.rules.push_back({.device = device.id, .rule = rule, .reason = "a reason"});
    }
    if (pick(0, 4) == 0) c.request.memory_spared[device.id] = static_cast<Bytes>(between(0, 300)) * MB;
  }
  for (const wire::LinkProfile& link : c.view.links) {
    if (pick(0, 12) == 0) c.request.links_avoided.insert(std::minmax(link.from, link.to));
  }
  const auto layers = static_cast<uint32_t>(c.shape.layers.size());
  const auto begin = pick<uint32_t>(0, layers);
  if (pick(0, 3) == 0) c.request.together.push_back({begin, std::min(layers, begin + 2)});
}

// Tries every order of every subset with every cut.
void try_all(const RingProblem& problem, Ring& ring, uint32_t done, double& best_s) {
  for (size_t d = 0; d < problem.devices(); ++d) {
    const bool taken = std::ranges::any_of(
        ring, [&](const Piece& piece) { return piece.device == d || problem.model().share_memory(piece.device, d); });
    if (taken || !problem.usable(d)) continue;
    for (uint32_t end = done + 1; end <= problem.layers(); ++end) {
      ring.push_back({d, {done, end}});
      if (end == problem.layers()) {
        best_s = std::min(best_s, problem.value_s(ring));
      } else {
        try_all(problem, ring, end, best_s);
      }
      ring.pop_back();
    }
  }
}

double best_by_trying(const CostModel& model, const std::vector<bool>& forbidden = {}) {
  const PlacementRequest& request = model.request();
  double best_s = kNever;
  Ring ring;
  const auto try_problem = [&](RingProblem problem) {
    for (size_t d = 0; d < forbidden.size(); ++d) {
      if (forbidden[d]) problem.forbid(d);
    }
    try_all(problem, ring, 0, best_s);
  };
  switch (request.serving.objective) {
    case wire::Objective::latency:
    case wire::Objective::efficiency: try_problem(RingProblem::decode_alone(model)); break;
    case wire::Objective::first_token:
      for (uint32_t chunk : chunk_sizes(request)) try_problem(RingProblem::first_token(model, chunk));
      break;
    case wire::Objective::throughput:
      for (uint32_t groups : group_counts(request.serving.sequences))
        try_problem(RingProblem::decode_groups(model, groups));
      break;
  }
  return best_s;
}

double value_of(const wire::Plan& plan, const PlacementRequest& request) {
  switch (request.serving.objective) {
    case wire::Objective::latency: return 1 / plan.predicted.tokens_per_s_alone;
    case wire::Objective::efficiency: return plan.predicted.joules_per_token;
    case wire::Objective::throughput: return request.serving.sequences / plan.predicted.tokens_per_s_parallel;
    case wire::Objective::first_token: return plan.predicted.first_token_s;
  }
  return 0;
}

void check_sound(const Case& c, const PlacementResult& answer) {
  uint32_t next = 0;
  for (const wire::Stage& stage : answer.plan.stages) {
    RC_ASSERT(stage.layers.begin == next);
    RC_ASSERT(stage.layers.end > next);
    RC_ASSERT(!c.shape.layers[next].joined_to_previous);
    next = stage.layers.end;
    auto device = std::ranges::find(c.view.devices, stage.device, &wire::DeviceProfile::id);
    RC_ASSERT(device != c.view.devices.end());
    RC_ASSERT(stage.memory.total() <= device->memory_free);
    Bytes weights = 0;
    for (uint32_t l = stage.layers.begin; l < stage.layers.end; ++l) weights += c.shape.layers[l].weight_bytes;
    RC_ASSERT(stage.memory.weights >= weights);
  }
  RC_ASSERT(next == c.shape.layers.size());
  RC_ASSERT(answer.plan.stages.size() + answer.unused.size() == c.view.devices.size());
  for (const UnusedDevice& unused : answer.unused) {
    RC_ASSERT(!unused.reason.empty());
    RC_ASSERT(!unused.constraint.empty());
    RC_ASSERT(!(answer.proven && unused.reason.contains("faster") && !unused.reason.contains("no faster")));
    RC_ASSERT(std::ranges::none_of(answer.plan.stages, [&](const auto& s) { return s.device == unused.device; }));
  }
}

TEST(SearchProperty, FewDevicesGiveWhatTryingAllRingsGives) {
  EXPECT_TRUE(holds([] {
    const Case c = random_case(4, 5);
    const CostModel model(c.view, c.shape, c.request);
    const double best_s = best_by_trying(model);
    const auto answer = assign_layers(c.view, c.shape, c.request);
    RC_ASSERT(answer.has_value() == (best_s < kNever));
    if (!answer) {
      RC_ASSERT(!answer.error().message.empty());
      return;
    }
    RC_CLASSIFY(answer->plan.stages.size() > 1);
    RC_ASSERT(answer->proven);
    check_sound(c, *answer);
    RC_ASSERT(std::abs(value_of(answer->plan, c.request) - best_s) <= 1e-9 * best_s);
  }));
}

// All sets of soft constraints, those without the more important ones first.
std::vector<GivenUp> sets_by_rank() {
  std::vector<GivenUp> sets;
  for (uint32_t bits = 0; bits < 1U << kSoft.size(); ++bits) {
    GivenUp set;
    for (size_t i = 0; i < kSoft.size(); ++i) {
      if ((bits >> i & 1U) != 0) set = set.with(kSoft[i]);
    }
    sets.push_back(set);
  }
  return sets;
}

double best_by_trying(const Case& c, GivenUp given_up) {
  const CostModel model(c.view, c.shape, c.request, given_up);
  const std::vector<Constraint> constraints = constraints_of(model);
  std::vector<bool> forbidden;
  for (size_t d = 0; d < model.devices(); ++d) forbidden.push_back(breach_of(constraints, given_up, d).has_value());
  return best_by_trying(model, forbidden);
}

// Up to six devices, with memory, heat, access and all other constraints on: the planner gives up what trying all sets
// of soft constraints in their order gives up, and its plan is as fast as the best of all rings.
TEST(SearchProperty, SixDevicesWithAllConstraintsGiveWhatTryingEverythingGives) {
  int planned = 0, gave_up = 0;
  const auto check_one = [&] {
    Case c = random_case(6, 5);
    add_constraints(c);
    const auto answer = assign_layers(c.view, c.shape, c.request);
    for (const GivenUp set : sets_by_rank()) {
      const double best_s = best_by_trying(c, set);
      if (best_s == kNever) continue;
      RC_ASSERT(answer.has_value());
      RC_ASSERT(answer->given_up == set);
      RC_ASSERT(answer->method == Method::exact);
      RC_ASSERT(std::abs(value_of(answer->plan, c.request) - best_s) <= 1e-9 * best_s);
      ++planned;
      gave_up += set.empty() ? 0 : 1;
      return;
    }
    RC_ASSERT(!answer.has_value());
  };
  EXPECT_TRUE(holds(check_one));
  EXPECT_GT(planned, 100);
  EXPECT_GT(gave_up, 20);
}

TEST(SearchProperty, TheSearchForAnyRingFindsOneWhereThereIsOne) {
  int rings = 0, found = 0;
  EXPECT_TRUE(holds([&] {
    const Case c = random_case(6, 12);
    const CostModel model(c.view, c.shape, c.request);
    const RingProblem problem = RingProblem::decode_alone(model);
    const Found best = search_exactly(problem, {.labels_max = 1'000'000});
    const Found any = search_constraints(problem);
    RC_ASSERT(best.proven);
    if (any.ring) RC_ASSERT(best.ring.has_value());
    if (any.ring) RC_ASSERT(problem.value_s(*any.ring) >= best.value_s * (1 - 1e-9));
    if (!any.ring && any.proven) RC_ASSERT(!best.ring.has_value());
    rings += best.ring ? 1 : 0;
    found += any.ring ? 1 : 0;
  }));
  EXPECT_GE(found, rings * 97 / 100) << "of " << rings << ": only missing links can hide one";
}

TEST(SearchProperty, NoAlternativeBeatsThePlanAndTheSameQuestionGetsTheSameAnswer) {
  EXPECT_TRUE(holds([] {
    const Case c = random_case(7, 12);
    const auto answer = assign_layers(c.view, c.shape, c.request);
    if (!answer) return;
    check_sound(c, *answer);
    const double value_s = value_of(answer->plan, c.request);
    for (const Alternative& other : answer->alternatives) {
      if (other.plan) RC_ASSERT(value_of(*other.plan, c.request) >= value_s * (1 - 1e-9));
      RC_ASSERT(other.plan.has_value() == other.reason.empty());
    }
    const auto again = assign_layers(c.view, c.shape, c.request);
    RC_ASSERT(again->plan == answer->plan);
  }));
}

// One stage of a plan is lost: the others keep theirs, and the device that is best of all takes the lost layers.
TEST(SearchProperty, RemainingStagesStayAndTheBestDeviceTakesTheLostLayers) {
  EXPECT_TRUE(holds([] {
    Case c = random_case(5, 8);
    c.request.devices_min = static_cast<uint32_t>(pick(1, 4));
    const auto before = assign_layers(c.view, c.shape, c.request);
    if (!before) return;
    std::vector<AssignedLayers> parts;
    const size_t lost = pick<size_t>(0, before->plan.stages.size());
    for (const wire::Stage& stage : before->plan.stages) parts.push_back({stage.device, stage.layers});
    const AssignedLayers gap = parts[lost];
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(lost));
    c.request.excluded = {gap.device};
    const auto devices_min = pick<size_t>(1, 4);
    const auto answer = assign_missing_layers(c.view, c.shape, c.request, parts, devices_min);
    double best_s = kNever;
    for (const wire::DeviceProfile& device : c.view.devices) {
      if (device.id == gap.device || parts.size() + 1 < devices_min) continue;
      PlacementRequest fixed_layers = c.request;
      fixed_layers.fixed_layers = parts;
      fixed_layers.fixed_layers.insert(fixed_layers.fixed_layers.begin() + static_cast<ptrdiff_t>(lost),
                                       {device.id, gap.layers});
      const auto checked = assign_layers(c.view, c.shape, fixed_layers);
      if (checked) best_s = std::min(best_s, value_of(checked->plan, c.request));
    }
    if (!answer) {
      RC_ASSERT(answer.error().code == ErrorCode::not_found);
      RC_ASSERT(best_s == kNever);
      return;
    }
    RC_ASSERT(value_of(answer->plan, c.request) <= best_s * (1 + 1e-9));
    RC_ASSERT(answer->plan.stages.size() == parts.size() + 1);
    std::map<wire::DeviceRef, Bytes> used;
    for (size_t i = 0; i < answer->plan.stages.size(); ++i) {
      const wire::Stage& stage = answer->plan.stages[i];
      used[stage.device] += stage.memory.total();
      if (i == lost) {
        RC_ASSERT(stage.layers == gap.layers);
        RC_ASSERT(stage.device != gap.device);
        const bool beside =
            (i > 0 && parts[i - 1].device == stage.device) || (i < parts.size() && parts[i].device == stage.device);
        RC_ASSERT(beside || !std::ranges::contains(parts, stage.device, &AssignedLayers::device));
        RC_CLASSIFY(beside);
      } else {
        const AssignedLayers& part = parts[i < lost ? i : i - 1];
        RC_ASSERT(stage.device == part.device);
        RC_ASSERT(stage.layers == part.layers);
      }
    }
    RC_ASSERT(used.size() >= devices_min);
    for (const auto& [device, bytes] : used) {
      RC_ASSERT(bytes <= std::ranges::find(c.view.devices, device, &wire::DeviceProfile::id)->memory_free);
    }
  }));
}

TEST(SearchProperty, AFasterDeviceOrLinkNeverMakesThePlanSlower) {
  EXPECT_TRUE(holds([] {
    Case c = random_case(6, 10);
    const auto before = assign_layers(c.view, c.shape, c.request);
    if (!before) return;
    const double factor = between(1, 4);
    if (c.view.links.empty() || *rc::gen::arbitrary<bool>()) {
      wire::DeviceProfile& device = c.view.devices[pick<size_t>(0, c.view.devices.size())];
      device.memory_bytes_per_s *= factor;
      for (wire::WeightRates& rates : device.rates) rates.matvec_bytes_per_s *= factor;
    } else {
      wire::LinkProfile& link = c.view.links[pick<size_t>(0, c.view.links.size())];
      link.bytes_per_s *= factor;
      link.delay_s /= factor;
    }
    const auto after = assign_layers(c.view, c.shape, c.request);
    RC_ASSERT(after.has_value());
    RC_ASSERT(value_of(after->plan, c.request) <= value_of(before->plan, c.request) * (1 + 1e-9));
  }));
}

// The beam finds a ring wherever there is one, nearly always the best one or one almost as fast.
TEST(SearchProperty, TheBeamIsNearTheBest) {
  int rings = 0, found = 0, near = 0;
  EXPECT_TRUE(holds([&] {
    Case c = random_case(6, 12);
    c.request.serving.objective = *rc::gen::element(wire::Objective::latency, wire::Objective::first_token);
    const CostModel model(c.view, c.shape, c.request);
    RingProblem problem = c.request.serving.objective == wire::Objective::latency
                              ? RingProblem::decode_alone(model)
                              : RingProblem::first_token(model, 512);
    const std::vector<Constraint> constraints = constraints_of(model);
    for (size_t d = 0; d < model.devices(); ++d) {
      if (breach_of(constraints, {}, d)) problem.forbid(d);
    }
    const Found best = search_exactly(problem);
    const Found beam = search_beam(problem);
    RC_ASSERT(best.proven);
    RC_ASSERT(beam.value_s >= best.value_s * (1 - 1e-9));
    if (!best.ring) return;
    ++rings;
    found += beam.ring ? 1 : 0;
    near += beam.value_s <= best.value_s * 1.02 ? 1 : 0;
  }));
  RecordProperty("rings", rings);
  RecordProperty("found", found);
  RecordProperty("within_2_percent", near);
  EXPECT_GE(found, rings * 97 / 100) << "of " << rings;
  EXPECT_GE(near, rings * 90 / 100) << "of " << rings;
}

}  // namespace
}  // namespace exogpu::placement
