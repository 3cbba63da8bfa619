#include <algorithm>
#include <string>

#include "api/metrics/families.h"

namespace exogpu::api {
namespace {

using Models = std::vector<node::ModelSnapshot>;

size_t counted(const Models& models) { return std::min(models.size(), kSeriesMax); }

// A gauge for each model that has the value.
template <typename Value>
void each_model(PrometheusText& out, const Models& models, std::string_view name, std::string_view help,
                Value value_of) {
  out.begin(name, "gauge", help);
  for (size_t i = 0; i < counted(models); ++i) {
    const std::optional<double> value = value_of(models[i]);
    if (value) out.add(*value, {{"model", models[i].name}});
  }
}

void add_live(PrometheusText& out, const Models& models) {
  const auto live = [](auto field) {
    return [field](const node::ModelSnapshot& model) -> std::optional<double> {
      if (!model.live) return std::nullopt;
      return static_cast<double>((*model.live).*field);
    };
  };
  using Live = node::LiveRates;
  each_model(out, models, "exogpu_model_requests", "Requests that are computed, of a ring that begins here.",
             live(&Live::requests));
  each_model(out, models, "exogpu_model_waiting_requests", "Requests that wait for a sequence.",
             live(&Live::waiting_requests));
  each_model(out, models, "exogpu_model_tokens_per_second", "Tokens generated.", live(&Live::tokens_per_s));
  each_model(out, models, "exogpu_model_computed_tokens_per_second", "Tokens computed, those of prompts too.",
             live(&Live::computed_tokens_per_s));
}

void add_predicted(PrometheusText& out, const Models& models) {
  out.begin("exogpu_model_predicted_tokens_per_second", "gauge",
            "What the plan predicts, for one sequence or for all.");
  for (size_t i = 0; i < counted(models); ++i) {
    if (!models[i].plan) continue;
    const wire::PredictedSpeed& predicted = models[i].plan->predicted;
    out.add(predicted.tokens_per_s_alone, {{"model", models[i].name}, {"sequences", "one"}});
    out.add(predicted.tokens_per_s_parallel, {{"model", models[i].name}, {"sequences", "all"}});
  }
}

// The stages of rings that begin here: their times are known here alone.
void add_stage_times(PrometheusText& out, const Models& models) {
  out.begin("exogpu_stage_step_seconds", "gauge", "Time of a stage for a step, smoothed.");
  for (size_t m = 0; m < counted(models); ++m) {
    if (!models[m].live || !models[m].plan) continue;
    const auto& times = models[m].live->stage_step_s;
    for (size_t i = 0; i < std::min({times.size(), models[m].plan->stages.size(), kSeriesMax}); ++i) {
      const node::StageSnapshot& stage = models[m].plan->stages[i];
      const std::string number = std::to_string(i);
      out.add(times[i], {{"model", models[m].name}, {"stage", number}, {"node", stage.node}, {"device", stage.device}});
    }
  }
}

// This node's own stages.
template <typename Value>
void each_stage(PrometheusText& out, const MetricsInput& input, const std::string& self, Value value_of) {
  const Models& models = input.cluster.models;
  for (size_t m = 0; m < counted(models); ++m) {
    if (!models[m].plan) continue;
    for (size_t i = 0; i < std::min(models[m].plan->stages.size(), kSeriesMax); ++i) {
      const node::StageSnapshot& stage = models[m].plan->stages[i];
      if (stage.node != self) continue;
      const std::string number = std::to_string(i);
      out.add(value_of(stage), {{"model", models[m].name}, {"stage", number}, {"device", stage.device}});
    }
  }
}

void add_stages(PrometheusText& out, const MetricsInput& input) {
  const auto self = std::ranges::find(input.cluster.nodes, input.node.self, &node::NodeSnapshot::id);
  if (self == input.cluster.nodes.end()) return;
  out.begin("exogpu_stage_layers", "gauge", "Layers of a stage of this node.");
  each_stage(out, input, self->name, [](const node::StageSnapshot& stage) {
    return static_cast<double>(stage.layers.end - stage.layers.begin);
  });
  out.begin("exogpu_stage_memory_bytes", "gauge", "Memory that the plan counts for a stage of this node.");
  each_stage(out, input, self->name,
             [](const node::StageSnapshot& stage) { return static_cast<double>(stage.memory); });
  out.begin("exogpu_stage_ready", "gauge", "Whether a stage of this node is ready.");
  each_stage(out, input, self->name,
             [](const node::StageSnapshot& stage) { return stage.status == wire::StagePhase::ready ? 1.0 : 0.0; });
}

}  // namespace

void add_models(PrometheusText& out, const MetricsInput& input) {
  const Models& models = input.cluster.models;
  each_model(out, models, "exogpu_model_serving", "Whether requests for the model are answered now.",
             [](const node::ModelSnapshot& model) -> std::optional<double> { return model.serving ? 1 : 0; });
  add_predicted(out, models);
  add_live(out, models);
  add_stage_times(out, models);
  add_stages(out, input);
}

}  // namespace exogpu::api
