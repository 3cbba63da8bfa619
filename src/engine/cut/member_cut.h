// Tensor parallelism: what each member of a group computes of every layer. Pure.
//
// A member has some of the heads, with their keys and values, a part of the feed-forward's width, and some of the
// head's rows; it computes with them like a whole, narrower model. Its results after the attention's and the
// feed-forward's output matrices are partial sums: the layer's are their sums over all members (Megatron-LM,
// arXiv:1909.08053). Everything else (norms, routers, the residual stream) each member computes in whole.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/families/architecture.h"
#include "model/gguf.h"
#include "model/tensor_slice.h"

namespace exogpu::engine {

inline constexpr uint32_t kMembersMax = 64;

struct LayerCut {
  model::IndexRange heads;
  model::IndexRange kv_heads;      // those that `heads` attend to; several members have the same where there are few
  model::IndexRange feed_forward;  // of the dense one's width; empty where there is none, likewise below
  model::IndexRange experts;       // of each expert's width, the same in all layers
  model::IndexRange shared;        // of the shared expert's width
};

struct MemberCut {
  uint32_t rank = 0;  // 0 takes the group's calls, and has the biases that are added to sums
  uint32_t members = 1;
  std::vector<LayerCut> layers;  // of the whole model
  model::IndexRange vocabulary;  // rows of the head
};

// Divides `units` among members by their shares, at least one each, the rest by the largest remainder.
// Preconditions: there are as many units as shares; shares are positive.
std::vector<uint64_t> divide(uint64_t units, std::span<const double> shares);

// Cuts the model for members with these shares of the work, as closely as whole heads and whole blocks of the
// quantisation allow. Together the members have everything once, but for keys and values where members outnumber their
// heads. Errors: invalid_argument (no or too many members, a share that is not positive), unsupported (naming what
// cannot be divided, or what there is too little of).
Result<std::vector<MemberCut>> cut_model(const model::Gguf& file, const Architecture& a,
                                         std::span<const double> shares);

// The architecture that a member computes: fewer heads, narrower, with fewer rows of the head.
Architecture member_architecture(Architecture whole, const MemberCut& cut);

// What the member has of a tensor; of the embedding, where it is the head as well, the head's rows.
// Errors: corrupt, naming the tensor: its size contradicts the metadata.
Result<model::TensorSlice> slice_of(const model::Gguf& file, const model::TensorInfo& tensor, const Architecture& whole,
                                    const MemberCut& cut);

}  // namespace exogpu::engine
