#include "placement/input.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "placement/cost.h"

namespace exogpu::placement {
namespace {

constexpr Bytes kBytesMax = Bytes{1} << 48;
constexpr uint32_t kContextMax = 1U << 24;
constexpr uint32_t kSequencesMax = 4096;
constexpr size_t kLayersMax = 10000;
constexpr size_t kDevicesMax = 10000;

bool is_rate(double value) { return std::isfinite(value) && value > 0; }
bool is_time(double value) { return std::isfinite(value) && value >= 0; }

Result<void> check_rate(const std::string& subject, std::string_view name, double value) {
  if (is_rate(value)) return {};
  return fail(ErrorCode::invalid_argument, "{}: {} is {}; it must be a number above 0", subject, name, value);
}

Result<void> check_time(const std::string& subject, std::string_view name, double value) {
  if (is_time(value)) return {};
  return fail(ErrorCode::invalid_argument, "{}: {} is {}; it must be a number of seconds, 0 or more", subject, name,
              value);
}

Result<void> check_amount(const std::string& subject, std::string_view name, double value) {
  if (is_time(value)) return {};
  return fail(ErrorCode::invalid_argument, "{}: {} is {}; it must be a number, 0 or more", subject, name, value);
}

Result<void> check_bytes(const std::string& subject, std::string_view name, Bytes value) {
  if (value <= kBytesMax) return {};
  return fail(ErrorCode::invalid_argument, "{}: {} is {}; more than {} is no size", subject, name, value, kBytesMax);
}

Result<void> check_layer(const std::string& subject, const wire::LayerShape& layer) {
  EXO_CHECK(check_bytes(subject, "weight_bytes", layer.weight_bytes));
  EXO_CHECK(check_bytes(subject, "kv_bytes_per_token", layer.kv_bytes_per_token));
  EXO_CHECK(check_bytes(subject, "state_bytes", layer.state_bytes));
  if (layer.weight_bytes == 0) return fail(ErrorCode::invalid_argument, "{}: it has no weights", subject);
  if (layer.active_weight_bytes == 0 || layer.active_weight_bytes > layer.weight_bytes)
    return fail(ErrorCode::invalid_argument, "{}: a token reads {} bytes of weights, and the layer has {}", subject,
                layer.active_weight_bytes, layer.weight_bytes);
  EXO_CHECK(check_amount(subject, "attention_flops", layer.attention_flops));
  return check_rate(subject, "flops_per_token", layer.flops_per_token);
}

Result<void> check_device(const wire::DeviceProfile& device, const std::string& subject) {
  if (device.id.device.empty()) return fail(ErrorCode::invalid_argument, "{}: a device has no id", subject);
  EXO_CHECK(check_bytes(subject, "memory_free", device.memory_free));
  EXO_CHECK(check_rate(subject, "memory_bytes_per_s", device.memory_bytes_per_s));
  EXO_CHECK(check_rate(subject, "upload_bytes_per_s", device.upload_bytes_per_s));
  EXO_CHECK(check_rate(subject, "download_bytes_per_s", device.download_bytes_per_s));
  EXO_CHECK(check_time(subject, "step_s", device.step_s));
  EXO_CHECK(check_time(subject, "exchange_s", device.exchange_s));
  if (device.exchange_bytes_per_s != 0)
    EXO_CHECK(check_rate(subject, "exchange_bytes_per_s", device.exchange_bytes_per_s));
  if (device.stream_bytes_per_s != 0) EXO_CHECK(check_rate(subject, "stream_bytes_per_s", device.stream_bytes_per_s));
  if (device.rates.empty())
    return fail(ErrorCode::invalid_argument, "{}: no rate of any weight type is known", subject);
  for (const wire::WeightRates& rates : device.rates) {
    EXO_CHECK(check_rate(subject + ": " + rates.type, "bits_per_weight", rates.bits_per_weight));
    EXO_CHECK(check_rate(subject + ": " + rates.type, "matvec_bytes_per_s", rates.matvec_bytes_per_s));
    EXO_CHECK(check_rate(subject + ": " + rates.type, "matmul_flops_per_s", rates.matmul_flops_per_s));
  }
  return {};
}

Result<void> check_fixed_layers(const PlacementRequest& request, const wire::ClusterView& view,
                                const wire::ModelShape& shape) {
  uint32_t next = 0;
  std::set<wire::DeviceRef> known;
  for (const AssignedLayers& stage : request.fixed_layers) {
    std::string subject = label(view, stage.device);
    if (index_of(view, stage.device) == view.devices.size())
      return fail(ErrorCode::invalid_argument, "layers by hand: there is no device {}", subject);
    if (!known.insert(stage.device).second)
      return fail(ErrorCode::invalid_argument, "layers by hand: {} is named twice; a device holds one run of layers",
                  subject);
    if (std::ranges::contains(request.excluded, stage.device))
      return fail(ErrorCode::invalid_argument, "layers by hand: {} is also excluded", subject);
    if (stage.layers.begin >= stage.layers.end)
      return fail(ErrorCode::invalid_argument, "layers by hand: {} gets no layer", subject);
    if (stage.layers.begin != next)
      return fail(ErrorCode::invalid_argument,
                  "layers by hand: {} begins with layer {}, and the next in order is layer {}", subject,
                  stage.layers.begin, next);
    if (stage.layers.end > shape.layers.size())
      return fail(ErrorCode::invalid_argument, "layers by hand: {} gets layer {}, and the last of the model is {}",
                  subject, stage.layers.end - 1, shape.layers.size() - 1);
    if (next > 0 && std::ranges::any_of(request.together,
                                        [&](wire::LayerRange range) { return range.begin < next && next < range.end; }))
      return fail(ErrorCode::invalid_argument,
                  "layers by hand: {} begins with layer {}, which must stay together with the one before it", subject,
                  next);
    if (next > 0 && shape.layers[next].joined_to_previous)
      return fail(ErrorCode::invalid_argument,
                  "layers by hand: {} begins with layer {}, where the model cannot be cut: layers from there on attend "
                  "to keys and values of layers before it",
                  subject, next);
    next = stage.layers.end;
  }
  if (next == shape.layers.size() || request.fixed_layers.empty()) return {};
  return fail(ErrorCode::invalid_argument, "layers by hand: layers {} to {} are given to no device", next,
              shape.layers.size() - 1);
}

Result<void> check_together(const PlacementRequest& request, const wire::ModelShape& shape) {
  for (const wire::LayerRange& range : request.together) {
    if (range.begin < range.end && range.end <= shape.layers.size()) continue;
    return fail(ErrorCode::invalid_argument, "layers {} to {} cannot stay together: the model has layers 0 to {}",
                range.begin, static_cast<int64_t>(range.end) - 1, shape.layers.size() - 1);
  }
  return {};
}

}  // namespace

size_t index_of(const wire::ClusterView& view, const wire::DeviceRef& device) {
  auto found = std::ranges::find(view.devices, device, &wire::DeviceProfile::id);
  return static_cast<size_t>(found - view.devices.begin());
}

std::string label(const wire::ClusterView& view, const wire::DeviceRef& device) {
  bool one_node = true;
  std::string node = device.node.short_text();
  for (const wire::DeviceProfile& profile : view.devices) {
    if (profile.id.node != device.node) one_node = false;
    if (profile.id.node == device.node && !profile.node_name.empty()) node = profile.node_name;
  }
  return one_node ? device.device : node + "/" + device.device;
}

Result<void> check_shape(const wire::ModelShape& shape) {
  std::string subject = shape.name.empty() ? "the model" : shape.name;
  if (shape.layers.empty()) return fail(ErrorCode::invalid_argument, "{}: it has no layers", subject);
  if (shape.layers.size() > kLayersMax)
    return fail(ErrorCode::invalid_argument, "{}: {} layers are more than the {} that can be planned", subject,
                shape.layers.size(), kLayersMax);
  for (size_t i = 0; i < shape.layers.size(); ++i) {
    EXO_CHECK(check_layer(std::format("{}: layer {}", subject, i), shape.layers[i]));
  }
  EXO_CHECK(check_rate(subject, "bits_per_weight", shape.bits_per_weight));
  if (!is_rate(shape.experts_used_share) || shape.experts_used_share > 1)
    return fail(ErrorCode::invalid_argument, "{}: experts_used_share is {}; it must be above 0 and at most 1", subject,
                shape.experts_used_share);
  if (shape.activation_width == 0) return fail(ErrorCode::invalid_argument, "{}: activation_width is 0", subject);
  if (shape.vocabulary == 0) return fail(ErrorCode::invalid_argument, "{}: vocabulary is 0", subject);
  if (shape.context_granularity == 0 || shape.context_granularity > kContextMax)
    return fail(ErrorCode::invalid_argument, "{}: context_granularity is {}", subject, shape.context_granularity);
  EXO_CHECK(check_bytes(subject, "embedding_bytes", shape.embedding_bytes));
  EXO_CHECK(check_bytes(subject, "head_bytes", shape.head_bytes));
  EXO_CHECK(check_bytes(subject, "compute_bytes", shape.compute_bytes));
  EXO_CHECK(check_bytes(subject, "head_compute_bytes", shape.head_compute_bytes));
  EXO_CHECK(check_bytes(subject, "compute_bytes_per_token", shape.compute_bytes_per_token));
  if (shape.ends_shared_bytes > std::min(shape.embedding_bytes, shape.head_bytes))
    return fail(ErrorCode::invalid_argument, "{}: ends_shared_bytes is {}, more than one of the ends has", subject,
                shape.ends_shared_bytes);
  return check_time(subject, "head_flops_per_token", shape.head_flops_per_token);
}

Result<void> check_view(const wire::ClusterView& view) {
  if (view.devices.empty()) return fail(ErrorCode::invalid_argument, "there is no device to plan for");
  if (view.devices.size() > kDevicesMax)
    return fail(ErrorCode::invalid_argument, "{} devices are more than the {} that can be planned for",
                view.devices.size(), kDevicesMax);
  std::set<wire::DeviceRef> known;
  for (const wire::DeviceProfile& device : view.devices) {
    std::string subject = device.node_name.empty() ? device.id.device : device.node_name + "/" + device.id.device;
    EXO_CHECK(check_device(device, subject));
    if (!known.insert(device.id).second)
      return fail(ErrorCode::invalid_argument, "{}: there are two devices of this id on its node", subject);
  }
  for (const wire::LinkProfile& link : view.links) {
    std::string subject = std::format("link {} to {}", link.from.short_text(), link.to.short_text());
    EXO_CHECK(check_time(subject, "delay_s", link.delay_s));
    EXO_CHECK(check_rate(subject, "bytes_per_s", link.bytes_per_s));
  }
  return {};
}

Result<void> check_request(const PlacementRequest& request, const wire::ClusterView& view,
                           const wire::ModelShape& shape) {
  if (request.serving.context == 0 || request.serving.context > kContextMax)
    return fail(ErrorCode::invalid_argument, "a context of {} tokens is not possible; choose 1 to {}",
                request.serving.context, kContextMax);
  if (request.serving.pool_tokens > 0 && request.serving.pool_tokens < request.serving.context)
    return fail(ErrorCode::invalid_argument, "sequences of {} tokens do not fit a pool of {}", request.serving.context,
                request.serving.pool_tokens);
  if (request.serving.sequences == 0 || request.serving.sequences > kSequencesMax)
    return fail(ErrorCode::invalid_argument, "{} sequences are not possible; choose 1 to {}", request.serving.sequences,
                kSequencesMax);
  if (request.context_mean > request.serving.context)
    return fail(ErrorCode::invalid_argument, "sequences of {} tokens on average do not fit a context of {}",
                request.context_mean, request.serving.context);
  if (request.prompt > request.serving.context)
    return fail(ErrorCode::invalid_argument, "a prompt of {} tokens does not fit a context of {}", request.prompt,
                request.serving.context);
  if (request.serving.batch_tokens == 0)
    return fail(ErrorCode::invalid_argument, "prompts cannot be cut into chunks of 0 tokens");
  if (!wire::row_bytes(request.serving.activations, shape.activation_width))
    return fail(ErrorCode::invalid_argument, "activations of {} values cannot be sent as {}", shape.activation_width,
                to_string(request.serving.activations));
  // Sums of values within these limits do not overflow.
  double cache = 0;
  for (const wire::LayerShape& layer : shape.layers) cache += static_cast<double>(layer.kv_bytes_per_token);
  if (cache * static_cast<double>(cache_rows(shape, request)) > 0x1p62)
    return fail(ErrorCode::invalid_argument,
                "the KV cache of {} sequences of {} tokens would be larger than any machine's memory",
                request.serving.sequences, request.serving.context);
  for (const wire::DeviceRef& device : request.excluded) {
    if (index_of(view, device) == view.devices.size())
      return fail(ErrorCode::invalid_argument, "there is no device {} to leave out", label(view, device));
  }
  for (const DeviceRule& rule : request.rules) {
    if (index_of(view, rule.device) == view.devices.size())
      return fail(ErrorCode::invalid_argument, "there is no device {} for which a rule could hold",
                  label(view, rule.device));
  }
  EXO_CHECK(check_together(request, shape));
  return check_fixed_layers(request, view, shape);
}

}  // namespace exogpu::placement
