#include <algorithm>
#include <cmath>

#include "engine/families/reading.h"

namespace exogpu::engine {
namespace {

// YaRN's factor on attention for a model whose context was stretched `factor` times.
float yarn_factor(float factor, float multiplier) {
  return factor <= 1.0F ? 1.0F : 0.1F * multiplier * std::log(factor) + 1.0F;
}

Result<void> read_yarn(const Metadata& file, Rope& rope) {
  rope.extrapolation = 1.0F;
  EXO_TRY(rope.beta_fast, file.number_or("rope.scaling.yarn_beta_fast", 32.0F));
  EXO_TRY(rope.beta_slow, file.number_or("rope.scaling.yarn_beta_slow", 1.0F));
  EXO_TRY(const float multiplier, file.number_or("rope.scaling.yarn_log_multiplier", 0.0F));
  if (multiplier == 0.0F) return {};
  const float factor = 1.0F / rope.frequency_scale;
  rope.attention_factor *= yarn_factor(factor, 1.0F) / yarn_factor(factor, multiplier) / yarn_factor(factor, 1.0F);
  return {};
}

}  // namespace

Result<void> read_rope(const Metadata& file, Architecture& a) {
  Rope& rope = a.rope;
  const uint32_t head_dim = a.layers.front().head_dim_k;
  EXO_TRY(rope.dims, file.count_or("rope.dimension_count", head_dim));
  EXO_TRY(rope.base, file.number_or("rope.freq_base", 10000.0F));
  EXO_TRY(rope.attention_factor, file.number_or("rope.scaling.attn_factor", 1.0F));
  EXO_TRY(rope.context_trained, file.count_or("rope.scaling.original_context_length", a.context_trained));
  EXO_TRY(std::string kind, file.text_or("rope.scaling.type", "linear"));
  EXO_TRY(float factor, file.number_or("rope.scaling.factor", 0.0F));
  if (factor == 0.0F) {
    EXO_TRY(factor, file.number_or("rope.scale_linear", 0.0F));
  }
  if (rope.base <= 0.0F || factor < 0.0F)
    return fail(ErrorCode::corrupt, "{}: the rope's base {} or scaling factor {} is not positive",
                file.file().path().string(), rope.base, factor);
  if (kind != "none" && kind != "linear" && kind != "yarn" && kind != "longrope")
    return fail(ErrorCode::unsupported, "{}: {} \"{}\" is not supported; supported are none, linear, yarn, longrope",
                file.file().path().string(), file.key("rope.scaling.type"), kind);
  if (kind != "none" && factor > 0.0F) rope.frequency_scale = 1.0F / factor;
  if (kind == "yarn") EXO_CHECK(read_yarn(file, rope));
  a.rope_sliding = rope;
  return {};
}

Result<void> read_rope_axes(const Metadata& file, Architecture& a, Rope::Pairs pairs) {
  const auto* given = file.file().ints(file.key("rope.dimension_sections"));
  if (given == nullptr || given->size() < 3 || given->size() > 4)
    return file.corrupt("rope.dimension_sections", "must have 3 or 4 values");
  int64_t sum = 0;
  for (size_t i = 0; i < given->size(); ++i) {
    const int64_t n = (*given)[i];
    if (n < 0 || n > (1 << 20)) return file.corrupt("rope.dimension_sections", "has a value beyond anything real");
    a.rope.axis_pairs[i] = static_cast<int32_t>(n);
    sum += n;
  }
  if (sum == 0) return file.corrupt("rope.dimension_sections", "names no pairs");
  a.rope.pairs = pairs;
  return {};
}

Result<void> read_sliding(const Metadata& file, Architecture& a, uint32_t period, uint32_t window_fallback) {
  EXO_TRY(a.sliding.window, file.count_or("attention.sliding_window", window_fallback));
  a.rope_sliding = a.rope;
  if (a.sliding.window == 0) return {};
  constexpr std::string_view name = "attention.sliding_window_pattern";
  if (const auto* flags = file.file().ints(file.key(name)); flags != nullptr && flags->size() > 1) {
    if (flags->size() < a.n_layers) return file.corrupt(name, "does not cover all layers");
    for (uint32_t i = 0; i < a.n_layers; ++i) a.layers[i].sliding = (*flags)[i] != 0;
    return {};
  }
  EXO_TRY(period, file.count_or(name, period));
  for (uint32_t i = 0; i < a.n_layers; ++i) a.layers[i].sliding = period > 0 && i % period < period - 1;
  return {};
}

}  // namespace exogpu::engine
