// What most families read in the same way.
#pragma once

#include "engine/families/architecture.h"
#include "engine/families/metadata.h"

namespace exogpu::engine {

Result<void> read_rope(const Metadata& file, Architecture& a);

// expert_* : how many there are, how they are chosen and weighted. Layers get them from use_experts_from().
Result<void> read_experts(const Metadata& file, Architecture& a);

// Layers from `first` on have experts, of each `step` the last one. Errors: corrupt (the file states no experts).
Result<void> use_experts_from(const Metadata& file, Architecture& a, uint32_t first, uint32_t step = 1);

// leading_dense_block_count, and experts in the layers after.
Result<void> read_leading_dense(const Metadata& file, Architecture& a);

// attention.sliding_window, and which layers slide: by attention.sliding_window_pattern (a flag for each layer, or a
// period of which the last layer is global), else by `period`. Both ropes are then `a.rope`.
Result<void> read_sliding(const Metadata& file, Architecture& a, uint32_t period, uint32_t window_fallback = 0);

// rope.dimension_sections: pairs of each axis of a position.
Result<void> read_rope_axes(const Metadata& file, Architecture& a, Rope::Pairs pairs);

// ssm.* of Mamba-2.
Result<void> read_mamba2(const Metadata& file, Architecture& a);

// embedding_scale, residual_scale, attention.scale, and logit_scale as a divisor: Granite's.
Result<void> read_granite_scales(const Metadata& file, Architecture& a);

// attention.temperature_scale: queries grow with every stretch as long as the context before its scaling. Files also
// state a length, which is the same.
Result<void> read_temperature(const Metadata& file, Architecture& a);

// pooling_type, and the matrices after it.
Result<void> read_pooling(const Metadata& file, Architecture& a);

// Norms of queries and keys of each head, if the file has them.
void read_qk_norm(const Metadata& file, Architecture& a);

}  // namespace exogpu::engine
