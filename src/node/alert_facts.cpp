#include "node/alert_facts.h"

#include <algorithm>
#include <format>
#include <utility>

namespace exogpu::node {
namespace {

// With this share of the computed tokens generated, prompts play no part.
constexpr double kAlmostOnlyAnswers = 0.8;

const NodeSnapshot* find(const ClusterSnapshot& cluster, wire::NodeId id) {
  const auto found = std::ranges::find(cluster.nodes, id, &NodeSnapshot::id);
  return found == cluster.nodes.end() ? nullptr : &*found;
}

// Predictions exist for one sequence, and for as many as the plan computes at once.
void add_speeds(telemetry::ModelFacts& facts, const ModelSnapshot& model) {
  if (!model.live || !model.plan || model.live->requests == 0) return;
  const LiveRates& live = *model.live;
  if (live.tokens_per_s < kAlmostOnlyAnswers * live.computed_tokens_per_s) return;
  if (live.requests == 1) {
    facts.predicted_tokens_per_s = model.plan->predicted_at_first.tokens_per_s_alone;
  } else if (live.requests >= model.plan->parallel) {
    facts.predicted_tokens_per_s = model.plan->predicted_at_first.tokens_per_s_parallel;
  } else {
    return;
  }
  facts.tokens_per_s = live.tokens_per_s;
}

// "the layers 0-5 on desk": of which no other node that is online has a copy.
std::string without_spare(const ClusterSnapshot& cluster, const ModelSnapshot& model) {
  if (!model.plan || std::ranges::count_if(cluster.nodes, &NodeSnapshot::online) < 2) return {};
  std::vector<std::string> owners;
  for (const LibraryEntrySnapshot& entry : cluster.library) {
    if (entry.model.content == model.content) owners.insert(owners.end(), entry.nodes.begin(), entry.nodes.end());
  }
  std::string text;
  for (const StageSnapshot& stage : model.plan->stages) {
    if (std::ranges::any_of(owners, [&](const std::string& owner) { return owner != stage.node; })) continue;
    text += std::format("{}the layers {}-{} on {}", text.empty() ? "" : ", ", stage.layers.begin,
                        stage.layers.end > 0 ? stage.layers.end - 1 : 0, stage.node);
  }
  return text;
}

}  // namespace

void set_names(const ClusterSnapshot& cluster, std::vector<telemetry::NodeTelemetry>& telemetry) {
  for (telemetry::NodeTelemetry& node : telemetry) {
    if (const NodeSnapshot* known = find(cluster, node.node)) node.name = known->name;
  }
  std::erase_if(telemetry, [](const telemetry::NodeTelemetry& node) { return node.name.empty(); });
  std::ranges::sort(telemetry, {}, &telemetry::NodeTelemetry::name);
}

telemetry::AlertFacts alert_facts(const ClusterSnapshot& cluster, std::vector<telemetry::NodeTelemetry> telemetry,
                                  bool only_own_models) {
  telemetry::AlertFacts facts{.telemetry = std::move(telemetry)};
  set_names(cluster, facts.telemetry);
  for (const ModelSnapshot& model : cluster.models) {
    if (only_own_models && !model.live) continue;
    telemetry::ModelFacts& added = facts.models.emplace_back();
    added.name = model.name;
    add_speeds(added, model);
    if (!only_own_models) added.without_spare = without_spare(cluster, model);
  }
  if (only_own_models) return facts;
  for (const NodeSnapshot& node : cluster.nodes) {
    facts.nodes.push_back({.name = node.name,
                           .online = node.online,
                           .version = node.version,
                           .memory_short = node.memory.pressure >= wire::MemoryPressure::cached});
    if (!node.online) continue;
    for (const LinkSnapshot& link : node.links) {
      const NodeSnapshot* to = find(cluster, link.to);
      if (to == nullptr || !to->online) continue;
      facts.links.push_back({.from = node.name, .to = to->name, .loss = link.loss, .bytes_per_s = link.bytes_per_s});
    }
  }
  return facts;
}

}  // namespace exogpu::node
