#include "engine/shard_setup.h"

#include <ggml-cpp.h>

#include <algorithm>

#include "engine/tensors/kv_cache.h"
#include "gpu/host.h"

namespace exogpu::engine {
namespace {

constexpr uint32_t context_max = 1U << 24;
constexpr uint32_t pool_max = 1U << 31;  // row numbers have 32 bits

// A batch in which each of the first `sequences` brings `tokens`, and all see full regions of `rows`.
BatchShape full_batch(uint32_t sequences, uint32_t tokens, uint32_t outputs, uint32_t rows) {
  BatchShape shape;
  shape.tokens = sequences * tokens;
  const uint32_t stride = sequences > 1 ? rows : 0;
  shape.groups = {{.stride = stride, .slots = sequences, .tokens = tokens, .rows = rows}};
  uint32_t each = std::min(tokens, outputs / sequences);
  shape.outputs = each * sequences;
  if (each > 0 && each < tokens)
    shape.output_groups = {{.stride = stride, .slots = sequences, .tokens = each, .rows = rows}};
  return shape;
}

// The same batch when nothing lets the sequences be attended to together.
BatchShape scattered(BatchShape shape) {
  for (auto* groups : {&shape.groups, &shape.output_groups}) {
    std::vector<SlotGroup> single;
    for (const SlotGroup& g : *groups)
      for (uint32_t i = 0; i < g.slots; ++i) single.push_back({g.stride * i, 0, 1, g.tokens, g.rows, i});
    *groups = std::move(single);
  }
  return shape;
}

bool device_has_flash_attention(ggml_backend_dev_t device, const Architecture& a, const LayerSpec& l, KvType type) {
  ggml_context_ptr ctx(ggml_init({.mem_size = 16 * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
  ggml_tensor* q = ggml_new_tensor_4d(ctx.get(), GGML_TYPE_F32, l.head_dim_k, 32, l.n_heads, 1);
  ggml_tensor* k = ggml_new_tensor_4d(ctx.get(), to_ggml(type), l.head_dim_k, 256, l.n_kv_heads, 1);
  ggml_tensor* v = ggml_new_tensor_4d(ctx.get(), to_ggml(type), l.head_dim_v, 256, l.n_kv_heads, 1);
  ggml_tensor* mask = ggml_new_tensor_4d(ctx.get(), GGML_TYPE_F16, 256, 32, 1, 1);
  ggml_tensor* op = ggml_flash_attn_ext(ctx.get(), q, k, v, mask, a.attention_scale, 0.0F, a.attention_softcap);
  if (a.sinks) ggml_flash_attn_ext_add_sinks(op, ggml_new_tensor_1d(ctx.get(), GGML_TYPE_F32, l.n_heads));
  return ggml_backend_dev_supports_op(device, op);
}

// Those that attend, one of each shape.
std::vector<LayerSpec> attention_shapes(const Architecture& a) {
  std::vector<LayerSpec> shapes;
  auto same = [](const LayerSpec& x, const LayerSpec& y) {
    return x.head_dim_k == y.head_dim_k && x.head_dim_v == y.head_dim_v && x.n_heads == y.n_heads &&
           x.n_kv_heads == y.n_kv_heads;
  };
  for (const LayerSpec& l : a.layers)
    if (l.attends() && std::ranges::none_of(shapes, [&](const LayerSpec& s) { return same(s, l); }))
      shapes.push_back(l);
  return shapes;
}

}  // namespace

Result<ShardOptions> complete_options(ShardOptions options, const Architecture& a, wire::LayerRange layers) {
  if (layers.begin >= layers.end || layers.end > a.n_layers)
    return fail(ErrorCode::invalid_argument, "layers {} to {} are not part of a model with {} layers", layers.begin,
                layers.end, a.n_layers);
  if (options.context == 0 || options.context > context_max)
    return fail(ErrorCode::invalid_argument, "a context of {} tokens is not possible; choose 1 to {}", options.context,
                context_max);
  if (options.sequences == 0 || options.sequences > 4096)
    return fail(ErrorCode::invalid_argument, "{} sequences are not possible; choose 1 to 4096", options.sequences);
  if (options.pool_tokens > 0 && (options.pool_tokens < options.context || options.pool_tokens > pool_max))
    return fail(ErrorCode::invalid_argument, "a pool of {} tokens is not possible; choose {} (the context) to {}",
                options.pool_tokens, options.context, pool_max);
  if (uint64_t{options.context} * options.sequences > pool_max && options.pool_tokens == 0)
    return fail(ErrorCode::invalid_argument, "{} sequences of {} tokens are not possible; choose fewer than {} in all",
                options.sequences, options.context, pool_max);
  if (options.batch_tokens == 0 || options.batch_tokens > 65536)
    return fail(ErrorCode::invalid_argument, "batches of {} tokens are not possible; choose 1 to 65536",
                options.batch_tokens);
  if (options.embeddings && a.pooling == Pooling::none)
    return fail(ErrorCode::unsupported, "this model gives no embeddings: its file names no pooling");
  if (!options.embeddings && !a.has_head)
    return fail(ErrorCode::unsupported, "a model of architecture {} gives embeddings, and no text", a.name);
  options.batch_tokens = std::max(options.batch_tokens, options.sequences);
  if (options.outputs == 0) options.outputs = options.sequences;
  // A vector of all tokens needs the last layer of all.
  if (options.embeddings && a.pooling != Pooling::last) options.outputs = options.batch_tokens;
  options.outputs = std::clamp(options.outputs, options.sequences, options.batch_tokens);
  if (a.embeds_positions) options.context = std::min(options.context, a.context_trained);
  if (options.threads == 0) options.threads = gpu::read_host_cpu().threads();
  if (options.threads > 1024)
    return fail(ErrorCode::invalid_argument, "{} threads are not possible; choose 1 to 1024", options.threads);
  return options;
}

Result<void> check_shared_keys(const Architecture& a, wire::LayerRange layers) {
  for (uint32_t i = layers.begin; i < layers.end; ++i) {
    const LayerSpec& l = a.layers[i];
    if (!l.attends() || layers.contains(l.kv_layer)) continue;
    return fail(
        ErrorCode::invalid_argument,
        "layer {} attends to the keys and values of layer {}, so layers {} to {} cannot be cut off between them", i,
        l.kv_layer, layers.begin, layers.end);
  }
  return {};
}

std::vector<BatchShape> largest_batches(const ShardOptions& o) {
  const uint32_t chunk = std::min(o.batch_tokens, o.context);
  const uint32_t rows = wire::whole_region_steps(o.context);
  std::vector<BatchShape> shapes = {full_batch(1, chunk, o.outputs, rows)};
  // In a pool, the more sequences there are the fewer rows each can have.
  const uint32_t steps = wire::whole_region_steps(o.pool_tokens) / wire::kRegionStep;
  const uint32_t sequences = o.pool_tokens > 0 ? std::min(o.sequences, steps) : o.sequences;
  if (sequences > 1) {
    const uint32_t each = o.pool_tokens > 0 ? std::min(rows, steps / sequences * wire::kRegionStep) : rows;
    const uint32_t tokens = std::clamp(o.batch_tokens / sequences, 1U, std::min(o.context, each));
    shapes.push_back(full_batch(sequences, tokens, o.outputs, each));
    shapes.push_back(scattered(shapes.back()));
  }
  return shapes;
}

Result<bool> choose_flash_attention(const gpu::Device& device, const Architecture& a, const ShardOptions& o) {
  bool requested = o.flash_attention == FlashAttention::on ||
                   (o.flash_attention == FlashAttention::automatic && o.kv_type != KvType::f32);
  if (o.flash_attention == FlashAttention::off) return false;
  for (const LayerSpec& l : attention_shapes(a)) {
    const bool fits = o.kv_type != KvType::q8_0 || (l.head_dim_k % 32 == 0 && l.head_dim_v % 32 == 0);
    if (!fits || device_has_flash_attention(device.handle(), a, l, o.kv_type)) continue;  // check_cache_type() tells
    if (o.flash_attention != FlashAttention::on) return false;
    return fail(ErrorCode::unsupported,
                "{} has no flash attention for heads of {} and a {} KV cache; leave it to choose", device.info().name,
                l.head_dim_k, to_string(o.kv_type));
  }
  return requested;
}

Result<void> check_cache_type(const Architecture& a, KvType type, bool flash) {
  if (type != KvType::q8_0) return {};
  for (const LayerSpec& l : attention_shapes(a))
    if (l.head_dim_k % 32 != 0 || l.head_dim_v % 32 != 0)
      return fail(ErrorCode::unsupported, "a q8_0 KV cache needs heads of a multiple of 32, and these have {}; use f16",
                  l.head_dim_k);
  if (!flash)
    return fail(ErrorCode::unsupported,
                "a q8_0 KV cache needs flash attention, which is off or missing on this device; use f16");
  return {};
}

}  // namespace exogpu::engine
