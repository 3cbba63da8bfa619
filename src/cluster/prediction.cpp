#include "cluster/prediction.h"

#include <algorithm>
#include <bit>
#include <format>

#include "cluster/condition.h"
#include "cluster/make_room.h"
#include "cluster/model_view.h"
#include "cluster/plan_search.h"
#include "wire/region.h"

namespace exogpu::cluster {

using namespace wire;

namespace {

// Values of one token for each of the model's width that a step keeps at once: residual stream, queries, keys, values,
// and the inside of a feed-forward.
constexpr Bytes kScratchValues = 12;
constexpr uint32_t kLogitRows = 64;
constexpr size_t kLayersEstimated = 256;  // a model with more is planned as if it had so many

// The part of `sum` that the layer gets where `count` layers share it.
Bytes share(Bytes sum, uint32_t layer, uint32_t count) { return sum / count + (layer < sum % count ? 1 : 0); }

// Without its lower bits, so that an amount that changes a little stays the same.
Bytes coarse(Bytes amount) {
  constexpr int kept = 4;
  const int drop = std::max(0, static_cast<int>(std::bit_width(amount)) - kept);
  return amount >> drop << drop;
}

}  // namespace

ModelShape estimated_shape(const LibraryModel& model, const ServingSettings& settings) {
  const ModelWork& work = model.work;
  const auto count = static_cast<uint32_t>(std::clamp<size_t>(model.layers, 1, kLayersEstimated));
  const double parameters = std::max<double>(1, static_cast<double>(model.parameters));
  const Bytes cached = settings.kv_type == KvType::f32    ? 2 * work.kv_bytes_per_token
                       : settings.kv_type == KvType::q8_0 ? work.kv_bytes_per_token * 17 / 32
                                                          : work.kv_bytes_per_token;
  ModelShape shape{.name = model.model,
                   .bits_per_weight = 8 * static_cast<double>(model.bytes) / parameters,
                   .activation_width = work.activation_width,
                   .vocabulary = work.vocabulary,
                   .context_granularity = kRegionStep,
                   .layers = {},
                   .embedding_bytes = work.embedding_bytes,
                   .head_bytes = work.head_bytes,
                   .head_flops_per_token = 2.0 * work.activation_width * work.vocabulary,
                   .ends_shared_bytes = std::min({work.ends_shared_bytes, work.embedding_bytes, work.head_bytes}),
                   .compute_bytes = Bytes{settings.batch_tokens} * work.activation_width * 4 * kScratchValues,
                   .head_compute_bytes = Bytes{kLogitRows} * work.vocabulary * 4};
  for (uint32_t layer = 0; layer < count; ++layer) {
    const Bytes weights = share(work.layer_bytes, layer, count);
    shape.layers.push_back({.weight_bytes = weights,
                            .active_weight_bytes = std::min(weights, share(work.active_layer_bytes, layer, count)),
                            .kv_bytes_per_token = share(cached, layer, count),
                            .flops_per_token = work.flops_per_token / count});
  }
  return shape;
}

Prediction predict(const ReplicatedState& state, const LibraryModel& model, const ServingSettings& settings) {
  if (model.work.layer_bytes == 0) return {.reason = "the node that has its file does not say what it needs"};
  const ServedModel served{.model = model.model,
                           .content = "predicted " + model.content,  // that of no model which is served
                           .shape = estimated_shape(model, settings),
                           .settings = settings,
                           .layers = {},
                           .without = {}};
  const auto found = search_plan(model_view(beside_pinned(state, served), served.content));
  if (!found) return {.reason = found.error().message};
  Prediction prediction{.speed = found->plan.predicted};
  for (const Stage& stage : found->plan.stages) prediction.devices.push_back(stage.device);
  return prediction;
}

std::string prediction_basis(const ReplicatedState& state) {
  std::string basis;
  for (const auto& [id, node] : state.nodes) {
    if (!takes_part(node)) continue;
    for (const DeviceProfile& device : node.facts.info.devices) {
      basis += std::format("{}/{} {} {}", id.text(), device.id.device, coarse(device.memory_free),
                           device.memory_bytes_per_s);
      for (const placement::DeviceRule& rule : rules_of(node, device.id))
        basis += std::format(" {}", placement::to_string(rule.rule));
      basis += ';';
    }
  }
  for (const auto& [content, model] : state.models) {
    if (!model.served.pinned || !model.plan) continue;
    basis += std::format("{} {};", content, model.plan->made.plan.epoch.value());
  }
  return basis;
}

}  // namespace exogpu::cluster
