// Nodes whose profiles are wrong, and what the plans know of that.
#include <algorithm>
#include <cmath>
#include <format>

#include "cluster/plan_input.h"
#include "placement/cost.h"
#include "sim/world_node.h"
#include "worker/step_comparison.h"

namespace exogpu::sim {

namespace {

constexpr uint64_t kStepsEnough = 200;
constexpr Duration kKnownAfter = std::chrono::seconds(40);
constexpr double kErrorMax = 0.25;

}  // namespace

double World::step_s(const SimNode& node, const wire::LayerRange& layers, size_t rows) const {
  const double read_s = layers.size() * scenario_.layer_mb * 1e6 / (node.rate * node.heat);
  const bool lies = scenario_.profile_off > 0;
  return (lies ? read_s : std::clamp(read_s, 0.2e-3, 8e-3)) + static_cast<double>(rows) * 20e-6;
}

// As a node does it.
void World::compare_steps(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (scenario_.profile_off <= 0 || !node.pacer) return;
  const std::vector<pipeline::StepRecord> records = node.pacer->take_records();
  if (node.steps_alone == 0) node.compares_since = now_;
  node.steps_alone += static_cast<uint64_t>(
      std::ranges::count_if(records, [](const pipeline::StepRecord& record) { return record.size.tokens == 1; }));
  worker::compare_steps(node.speeds, node.agent->state(), {.node = node.id, .device = "gpu0"}, records, now_);
  node.speeds.update(now_);
}

std::string World::mispredicted(const wire::ReplicatedState& state, const wire::ModelRecord& model) const {
  for (const wire::PlannedStage& stage : model.plan->made.plan.stages) {
    const SimNode& node = *nodes_[number_of(stage.device.node)];
    if (node.steps_alone < kStepsEnough || now_ < node.compares_since + kKnownAfter) continue;
    const cluster::ModelView of_model = cluster::model_view(state, model.served.content);
    const wire::ClusterView view = cluster::view_of(of_model, {node.id});
    const placement::PlacementRequest request = cluster::request_of(model.served);
    const placement::CostModel cost(view, model.served.shape, request);
    double predicted_s = cost.step_s(0);
    for (uint32_t l = stage.layers.begin; l < stage.layers.end; ++l) predicted_s += cost.layer_s(0, l, {});
    const double takes_s = step_s(node, stage.layers, 1);
    if (std::abs(predicted_s / takes_s - 1) > kErrorMax) {
      return std::format("a step of n{} is predicted to take {:.2f} ms, and takes {:.2f} ms", number_of(node.id),
                         1000 * predicted_s, 1000 * takes_s);
    }
  }
  return {};
}

}  // namespace exogpu::sim
