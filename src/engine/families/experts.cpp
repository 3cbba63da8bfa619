#include "engine/families/reading.h"

namespace exogpu::engine {
namespace {

Result<void> read_gating(const Metadata& file, Experts& e) {
  constexpr std::string_view name = "expert_gating_func";
  EXO_TRY(const uint32_t gating, file.count_or(name, 0));
  switch (gating) {
    case 0: return {};
    case 1: e.gating = Gating::softmax; return {};
    case 2: e.gating = Gating::sigmoid; return {};
    case 3: e.gating = Gating::softmax_of_chosen; return {};
    default: return file.unsupported(name, "is none of 1 (softmax), 2 (sigmoid), 3 (softmax of the chosen)");
  }
}

Result<void> read_groups(const Metadata& file, Experts& e) {
  EXO_TRY(e.groups, file.count_or("expert_group_count", 1));
  EXO_TRY(e.groups_used, file.count_or("expert_group_used_count", 1));
  if (e.groups <= 1) {
    e.groups = e.groups_used = 1;
    return {};
  }
  if (e.count % e.groups != 0) return file.corrupt("expert_group_count", "does not divide the number of experts");
  if (e.groups_used == 0 || e.groups_used > e.groups)
    return file.corrupt("expert_group_used_count", "is not between 1 and the number of groups");
  if (e.count / e.groups * e.groups_used < e.used)
    return file.corrupt("expert_group_used_count", "leaves fewer experts than a token uses");
  return {};
}

}  // namespace

Result<void> read_experts(const Metadata& file, Architecture& a) {
  Experts& e = a.experts;
  EXO_TRY(e.count, file.count_or("expert_count", 0));
  if (e.count == 0) return {};
  EXO_TRY(e.used, file.count("expert_used_count"));
  EXO_TRY(e.d_ff, file.count_or("expert_feed_forward_length", 0));
  if (e.d_ff == 0)
    for (const LayerSpec& layer : a.layers)
      if (layer.d_ff > 0) e.d_ff = layer.d_ff;
  EXO_TRY(e.weight_scale, file.number_or("expert_weights_scale", 1.0F));
  if (e.weight_scale == 0.0F) e.weight_scale = 1.0F;
  if (e.used > e.count)
    return fail(ErrorCode::corrupt, "{}: {} experts are used of only {}", file.file().path().string(), e.used, e.count);
  if (e.d_ff == 0) return file.corrupt("expert_feed_forward_length", "is missing");
  EXO_CHECK(read_gating(file, e));
  return read_groups(file, e);
}

Result<void> use_experts_from(const Metadata& file, Architecture& a, uint32_t first, uint32_t step) {
  if (a.experts.count == 0) return file.corrupt("expert_count", "is missing");
  for (uint32_t i = first; i < a.n_layers; ++i)
    if (step > 0 && (i + 1) % step == 0) a.layers[i].feed_forward = FeedForward::experts;
  return {};
}

Result<void> read_leading_dense(const Metadata& file, Architecture& a) {
  EXO_TRY(const uint32_t dense, file.count_or("leading_dense_block_count", 0));
  return use_experts_from(file, a, dense);
}

}  // namespace exogpu::engine
