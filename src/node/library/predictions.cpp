#include "node/library/predictions.h"

#include <algorithm>
#include <limits>

#include "engine/default_settings.h"

namespace exogpu::node {

namespace {

constexpr uint32_t kContextUnknown = 4096;  // tokens

}  // namespace

wire::ServingSettings settings_for(const wire::LibraryModel& model, const wire::ServingSettings& given) {
  engine::Architecture a;
  const uint64_t most = std::numeric_limits<uint32_t>::max();
  a.context_trained = model.context == 0 ? kContextUnknown : static_cast<uint32_t>(std::min(model.context, most));
  if (model.abilities.embeddings) a.has_head = false;
  wire::ServingSettings settings = engine::complete_settings(given, a);
  settings.batch_tokens = engine::serving_batch(a, settings.context, settings.batch_tokens);
  return settings;
}

std::optional<cluster::Prediction> Predictions::find(const wire::LibraryModel& model) const {
  const auto known = known_.find({model.model, model.content});
  return known == known_.end() ? std::nullopt : std::optional(known->second.prediction);
}

// Some models of which the prediction is missing, or that of another cluster. Forgets those that are gone.
std::vector<wire::LibraryModel> Predictions::due(const wire::ReplicatedState& state, const std::string& basis) {
  std::vector<wire::LibraryModel> models;
  std::erase_if(known_, [&](const auto& each) {
    return std::ranges::none_of(state.nodes, [&](const auto& node) {
      return node.second.online && std::ranges::contains(node.second.library, each.second.model);
    });
  });
  for (const auto& [id, node] : state.nodes) {
    if (!node.online) continue;
    for (const wire::LibraryModel& model : node.library) {
      if (models.size() == kAtOnce) return models;
      if (!model.content.empty() && state.models.contains(model.content)) continue;
      const auto known = known_.find({model.model, model.content});
      if (known != known_.end() && known->second.basis == basis) continue;
      const auto same = [&](const wire::LibraryModel& each) {
        return each.model == model.model && each.content == model.content;
      };
      if (std::ranges::none_of(models, same)) models.push_back(model);
    }
  }
  return models;
}

void Predictions::update(const wire::ReplicatedState& state, cluster::Time now) {
  if (working_ || now >= wanted_at_.load() + kWantedFor) return;
  std::string basis = cluster::prediction_basis(state);
  std::vector<wire::LibraryModel> models = due(state, basis);
  if (models.empty()) return;
  working_ = true;
  wire::ReplicatedState cluster = state;
  for (auto& [id, node] : cluster.nodes) node.library.clear();
  std::vector<wire::ServingSettings> settings;
  for (const wire::LibraryModel& model : models) settings.push_back(settings_for(model, settings_(model.model)));
  host_.in_background([this, models = std::move(models), basis = std::move(basis), cluster = std::move(cluster),
                       settings = std::move(settings), post = host_.post] {
    std::vector<Known> results;
    for (size_t i = 0; i < models.size(); ++i) {
      results.push_back(
          {.model = models[i], .basis = basis, .prediction = cluster::predict(cluster, models[i], settings[i])});
    }
    post([this, results = std::move(results)]() mutable { store(std::move(results)); });
  });
}

void Predictions::store(std::vector<Known> results) {
  working_ = false;
  for (Known& each : results) {
    std::pair key(each.model.model, each.model.content);
    known_.insert_or_assign(std::move(key), std::move(each));
  }
  host_.on_change();
}

}  // namespace exogpu::node
