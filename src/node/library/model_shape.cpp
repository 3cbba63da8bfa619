#include "node/library/model_shape.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "engine/families/architecture.h"
#include "engine/tensors/weight_layouts.h"
#include "model/summary.h"
#include "wire/region.h"

namespace exogpu::node {
namespace {

// Of one layer, as the file has it.
struct LayerTensors {
  Bytes bytes = 0;
  Bytes expert_bytes = 0;
  Bytes matrix_bytes = 0;
  double matrix_elements = 0;
  double expert_elements = 0;
};

std::vector<LayerTensors> tensors_of_layers(const model::Gguf& file, uint32_t n_layers) {
  std::vector<LayerTensors> layers(n_layers);
  for (const model::TensorInfo& tensor : file.tensors()) {
    const auto index = model::layer_of_tensor(tensor.name);
    if (!index || *index >= n_layers) continue;
    LayerTensors& layer = layers[*index];
    layer.bytes += tensor.bytes;
    if (tensor.n_dims < 2) continue;
    layer.matrix_bytes += tensor.bytes;
    layer.matrix_elements += static_cast<double>(tensor.elements());
    if (!tensor.name.contains("_exps.")) continue;
    layer.expert_bytes += tensor.bytes;
    layer.expert_elements += static_cast<double>(tensor.elements());
  }
  return layers;
}

// Of the products of queries with keys, and of what they choose with values.
double attention_flops(const engine::LayerSpec& layer) {
  return layer.attends() ? 2.0 * layer.n_heads * (layer.head_dim_k + layer.head_dim_v) : 0;
}

// What is computed for a token, the same on every device.
wire::ModelShape work_of(const model::Gguf& file, const engine::Architecture& a,
                         const std::vector<LayerTensors>& tensors) {
  wire::ModelShape shape;
  shape.name = file.path().filename().string();
  shape.activation_width = a.activation_width();
  shape.vocabulary = a.n_vocab;
  shape.context_granularity = wire::kRegionStep;
  shape.head_flops_per_token = 2.0 * a.d_model * a.n_vocab;
  if (a.experts.count > 0)
    shape.experts_used_share = static_cast<double>(a.experts.used) / static_cast<double>(a.experts.count);
  double bytes = 0, elements = 0;
  for (uint32_t l = 0; l < a.n_layers; ++l) {
    const LayerTensors& layer = tensors[l];
    bytes += static_cast<double>(layer.matrix_bytes);
    elements += layer.matrix_elements;
    const double unused = 1 - shape.experts_used_share;
    shape.layers.push_back(
        {.weight_bytes = 0,
         .active_weight_bytes = layer.bytes - static_cast<Bytes>(static_cast<double>(layer.expert_bytes) * unused),
         .kv_bytes_per_token = 0,
         .state_bytes = 0,
         .joined_to_previous = !a.can_cut(l),
         .flops_per_token = 2 * (layer.matrix_elements - layer.expert_elements * unused),
         .attention_flops = attention_flops(a.layers[l]),
         .window = a.layers[l].sliding ? a.sliding.window : 0});
  }
  shape.bits_per_weight = elements > 0 ? bytes * 8 / elements : 0;
  return shape;
}

Bytes beyond(Bytes all, Bytes part) { return all > part ? all - part : 0; }

// What one device needs for every layer alone, and for the ends.
struct Sizes {
  std::vector<Bytes> weights;
  std::vector<Bytes> kv_per_token;
  std::vector<Bytes> state;  // of one sequence
  Bytes embedding = 0, head = 0, ends_shared = 0;
  Bytes compute = 0, head_compute = 0;
  Bytes compute_per_token = 0;  // of a context that is longer than the options say
  bool converts = false;        // it holds some weights in another type than the file
};

class Measuring {
 public:
  Measuring(const model::Gguf& file, const gpu::Device& device, const engine::ShardOptions& options,
            uint32_t context_most)
      : file_(file), device_(device), options_(options), context_most_(context_most) {}

  Result<Sizes> run(const engine::Architecture& a, const std::vector<LayerTensors>& tensors) {
    const uint32_t n = a.n_layers;
    EXO_TRY(const engine::MemoryNeed whole, need({0, n}));
    EXO_TRY(const engine::MemoryNeed first, need({0, 1}));
    EXO_TRY(const engine::MemoryNeed last, need({n - 1, n}));
    Sizes sizes;
    sizes.compute = n > 1 ? scratch(first) : scratch(whole);
    sizes.converts = whole.weights_converted > 0;
    // Layers of the same bytes and the same parts are alike: one of each is measured, away from the ends.
    std::map<Kind, engine::MemoryNeed> alike = {{kind(a, 0, tensors), first}, {kind(a, n - 1, tensors), last}};
    std::map<Kind, Bytes> weights_of;
    for (uint32_t l = 1; l + 1 < n; ++l) {
      if (weights_of.contains(kind(a, l, tensors))) continue;
      EXO_TRY(const engine::MemoryNeed one, need({l, l + 1}));
      weights_of.emplace(kind(a, l, tensors), one.weights);
      alike.insert_or_assign(kind(a, l, tensors), one);
      sizes.compute = std::max(sizes.compute, scratch(one));
    }
    // A run takes a little more scratch memory than one layer.
    Bytes last_compute = std::max(scratch(last), scratch(whole));
    if (n > 2) {
      EXO_TRY(const engine::MemoryNeed without_last, need({0, n - 1}));
      EXO_TRY(const engine::MemoryNeed without_first, need({1, n}));
      EXO_TRY(const engine::MemoryNeed middle, need({1, n - 1}));
      sizes.compute = std::max({sizes.compute, scratch(without_last), scratch(middle)});
      last_compute = std::max(last_compute, scratch(without_first));
    }
    Bytes weights = 0;
    for (uint32_t l = 0; l < n; ++l) {
      auto at = weights_of.find(kind(a, l, tensors));
      sizes.weights.push_back(at == weights_of.end() ? tensors[l].bytes : at->second);
      weights += sizes.weights.back();
      const engine::MemoryNeed& one = alike.at(kind(a, l, tensors));
      const bool own_cache = a.layers[l].kv_layer == l;
      sizes.kv_per_token.push_back(own_cache ? (one.cache + rows() - 1) / rows() : 0);
      sizes.state.push_back((one.state + options_.sequences - 1) / options_.sequences);
    }
    if (n > 1) {
      sizes.embedding = beyond(first.weights, sizes.weights.front());
      sizes.head = beyond(last.weights, sizes.weights.back());
    } else {
      sizes.head = beyond(whole.weights, weights);
    }
    sizes.ends_shared =
        std::min({beyond(weights + sizes.embedding + sizes.head, whole.weights), sizes.embedding, sizes.head});
    sizes.head_compute = beyond(last_compute, sizes.compute);
    EXO_TRY(sizes.compute_per_token, compute_per_token(a, whole));
    return sizes;
  }

 private:
  // Scratch memory grows with the context in steps, each no smaller than the one before, so that the straight line to
  // the longest one is an upper bound.
  Result<Bytes> compute_per_token(const engine::Architecture& a, const engine::MemoryNeed& whole) const {
    if (context_most_ <= options_.context) return 0;
    engine::ShardOptions longest = options_;
    longest.context = longest.pool_tokens = context_most_;
    EXO_TRY(const engine::MemoryNeed need, engine::Shard::measure(file_, {0, a.n_layers}, device_, longest));
    const Bytes tokens = context_most_ - options_.context;
    return (beyond(scratch(need), scratch(whole)) + tokens - 1) / tokens;
  }
  // Its bytes, what it is made of, whether its attention slides, and whether it has keys and values of its own.
  using Kind = std::tuple<Bytes, engine::Mixer, engine::FeedForward, bool, bool>;
  static Kind kind(const engine::Architecture& a, uint32_t layer, const std::vector<LayerTensors>& tensors) {
    const engine::LayerSpec& l = a.layers[layer];
    return {tensors[layer].bytes, l.mixer, l.feed_forward, l.sliding, l.kv_layer == layer};
  }
  // Of a stage, beside weights and caches.
  static Bytes scratch(const engine::MemoryNeed& need) { return need.compute + need.retained; }
  Bytes rows() const { return options_.cache_rows(); }
  Result<engine::MemoryNeed> need(wire::LayerRange layers) const {
    return engine::Shard::measure(file_, layers, device_, options_);
  }

  const model::Gguf& file_;
  const gpu::Device& device_;
  const engine::ShardOptions& options_;
  uint32_t context_most_;
};

void widen(wire::ModelShape& shape, const Sizes& sizes, bool first) {
  for (size_t l = 0; l < shape.layers.size(); ++l) {
    wire::LayerShape& layer = shape.layers[l];
    layer.weight_bytes = std::max({layer.weight_bytes, sizes.weights[l], layer.active_weight_bytes});
    layer.kv_bytes_per_token = std::max(layer.kv_bytes_per_token, sizes.kv_per_token[l]);
    layer.state_bytes = std::max(layer.state_bytes, sizes.state[l]);
  }
  shape.embedding_bytes = std::max(shape.embedding_bytes, sizes.embedding);
  shape.head_bytes = std::max(shape.head_bytes, sizes.head);
  shape.ends_shared_bytes = first ? sizes.ends_shared : std::min(shape.ends_shared_bytes, sizes.ends_shared);
  shape.compute_bytes = std::max(shape.compute_bytes, sizes.compute);
  shape.head_compute_bytes = std::max(shape.head_compute_bytes, sizes.head_compute);
  shape.compute_bytes_per_token = std::max(shape.compute_bytes_per_token, sizes.compute_per_token);
}

// On each device that can hold the model. Planners count themselves what a device that converts weights needs, so those
// matter only where there are no others. Errors: of the last device, when there is none.
Result<std::vector<Sizes>> sizes_on(std::span<const gpu::Device> devices, const model::Gguf& file,
                                    const engine::ShardOptions& options, uint32_t context_most,
                                    const engine::Architecture& a, const std::vector<LayerTensors>& tensors) {
  std::vector<Sizes> as_in_file, converted;
  Error error;
  for (const gpu::Device& device : devices) {
    if (auto sizes = Measuring(file, device, options, context_most).run(a, tensors)) {
      (sizes->converts ? converted : as_in_file).push_back(*std::move(sizes));
    } else {
      error = std::move(sizes).error();
    }
  }
  if (as_in_file.empty()) as_in_file = std::move(converted);
  if (as_in_file.empty()) return std::unexpected(std::move(error));
  return as_in_file;
}

}  // namespace

wire::ModelWork work_of_file(const model::Gguf& file, const engine::Architecture& a) {
  const model::ModelSummary summary = model::summarize(file);
  const wire::ModelShape shape = work_of(file, a, tensors_of_layers(file, a.n_layers));
  wire::ModelWork work{.embedding_bytes = summary.embedding_bytes,
                       .head_bytes = summary.head_bytes + (summary.tied_head ? summary.embedding_bytes : 0),
                       .ends_shared_bytes = summary.tied_head ? summary.embedding_bytes : 0,
                       .kv_bytes_per_token = model::kv_bytes_per_token(summary.layers, model::TensorType::f16),
                       .activation_width = shape.activation_width,
                       .vocabulary = shape.vocabulary};
  for (const model::LayerSummary& layer : summary.layers) work.layer_bytes += layer.weight_bytes;
  for (const wire::LayerShape& layer : shape.layers) {
    work.active_layer_bytes += layer.active_weight_bytes;
    work.flops_per_token += layer.flops_per_token;
  }
  work.active_layer_bytes = std::min(work.active_layer_bytes, work.layer_bytes);
  return work;
}

Result<wire::ModelShape> shape_of(const model::Gguf& file, std::span<const gpu::Device> devices,
                                  const engine::ShardOptions& options, uint32_t context_most) {
  EXO_TRY(const engine::Architecture a, engine::read_architecture(file));
  const std::vector<LayerTensors> tensors = tensors_of_layers(file, a.n_layers);
  wire::ModelShape shape = work_of(file, a, tensors);
  shape.kinds = engine::weight_kinds(file);
  EXO_TRY(const std::vector<Sizes> all, sizes_on(devices, file, options, context_most, a, tensors));
  for (const Sizes& sizes : all) widen(shape, sizes, &sizes == &all.front());
  return shape;
}

}  // namespace exogpu::node
