#include "engine/cut/member_cut.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>

namespace exogpu::engine {
namespace {

using model::IndexRange;

// Rows of products that kernels pack together, where they fit.
constexpr uint64_t kPackedRows = 32;

std::string block_of(uint32_t layer) { return "blk." + std::to_string(layer) + "."; }

uint64_t block_elements(const model::Gguf& file, const std::string& tensor) {
  const model::TensorInfo* info = file.find_tensor(tensor);
  const model::TensorTypeInfo* type = info == nullptr ? nullptr : model::tensor_type_info(info->type);
  return type == nullptr ? 1 : type->block_elements;
}

// The parts of a model that are computed by whole layers only; empty where all can be divided.
std::string_view undividable(const Architecture& a) {
  if (a.streams.count > 1) return "several residual streams";
  if (a.gives_embeddings()) return "a model for embeddings";
  if (a.qk_norm == QkNorm::whole) return "norms over all heads of queries and keys";
  for (uint32_t i = 0; i < a.n_layers; ++i) {
    const LayerSpec& l = a.layers[i];
    switch (l.mixer) {
      case Mixer::none:
      case Mixer::attention: break;
      case Mixer::latent_attention: return "latent attention (MLA)";
      case Mixer::gated_delta: return "gated delta nets";
      case Mixer::mamba2:
      case Mixer::attention_and_mamba2: return "Mamba-2 layers";
      case Mixer::short_conv: return "short convolutions";
    }
    if (l.mixer == Mixer::attention && l.kv_layer != i) return "layers that share keys and values";
    if (l.feed_forward == FeedForward::dense_and_experts) return "a dense feed-forward beside experts";
    if (l.sparse_gate) return "sparse gates";
  }
  return "";
}

// One after another, in units of `unit`.
std::vector<IndexRange> ranges_of(std::span<const uint64_t> counts, uint64_t unit, uint64_t from = 0) {
  std::vector<IndexRange> ranges;
  for (const uint64_t count : counts) {
    ranges.push_back({from, from + count * unit});
    from = ranges.back().end;
  }
  return ranges;
}

struct Dividing {
  const model::Gguf& file;
  std::span<const double> shares;

  size_t members() const { return shares.size(); }

  std::unexpected<Error> too_few(const std::string& what, uint64_t pieces) const {
    return fail(ErrorCode::unsupported, "{}: {} can be divided among {} members at most, and there are {}",
                file.path().string(), what, pieces, members());
  }

  // A width whose parts begin at blocks of the tensor that multiplies it.
  Result<std::vector<IndexRange>> width(uint64_t elements, const std::string& tensor) const {
    const uint64_t block = block_elements(file, tensor);
    uint64_t unit = std::lcm(block, kPackedRows);
    if (elements % unit != 0) unit = block;
    if (elements / unit < members()) return too_few(tensor, elements / unit);
    return ranges_of(divide(elements / unit, shares), unit);
  }

  // Members that outnumber the heads of keys: each has one of those, and some of the queries that attend to it.
  Result<std::vector<IndexRange>> heads_within_groups(const LayerSpec& l, uint64_t unit,
                                                      const std::string& tensor) const {
    const uint64_t group = l.n_heads / l.n_kv_heads;
    const uint64_t units = group / unit;
    if (group % unit != 0 || members() < l.n_kv_heads) return too_few(tensor, l.n_heads / std::lcm(group, unit));
    std::vector<IndexRange> ranges;
    for (uint64_t kv = 0; kv < l.n_kv_heads; ++kv) {
      const uint64_t first = kv * members() / l.n_kv_heads;
      const uint64_t count = (kv + 1) * members() / l.n_kv_heads - first;
      if (count > units) return too_few(tensor, units * l.n_kv_heads);
      const auto own = ranges_of(divide(units, shares.subspan(first, count)), unit, kv * group);
      ranges.insert(ranges.end(), own.begin(), own.end());
    }
    return ranges;
  }

  Result<std::vector<IndexRange>> heads(const LayerSpec& l, const std::string& tensor) const {
    const uint64_t group = l.n_heads / l.n_kv_heads;
    const uint64_t block = block_elements(file, tensor);
    const uint64_t unit = block / std::gcd(block, uint64_t{l.head_dim_v});  // heads whose values are whole blocks
    const uint64_t whole_groups = std::lcm(group, unit);
    if (l.n_heads % whole_groups == 0 && l.n_heads / whole_groups >= members())
      return ranges_of(divide(l.n_heads / whole_groups, shares), whole_groups);
    return heads_within_groups(l, unit, tensor);
  }
};

Result<void> cut_attention(const Dividing& d, const LayerSpec& l, uint32_t layer, std::vector<MemberCut>& cuts) {
  EXO_TRY(const auto heads, d.heads(l, block_of(layer) + "attn_output.weight"));
  const uint64_t group = l.n_heads / l.n_kv_heads;
  for (size_t i = 0; i < cuts.size(); ++i) {
    LayerCut& own = cuts[i].layers[layer];
    own.heads = heads[i];
    own.kv_heads = {heads[i].begin / group, (heads[i].end + group - 1) / group};
  }
  return {};
}

Result<void> cut_width(const Dividing& d, uint64_t width, const std::string& down, uint32_t layer,
                       IndexRange LayerCut::* part, std::vector<MemberCut>& cuts) {
  EXO_TRY(const auto ranges, d.width(width, down));
  for (size_t i = 0; i < cuts.size(); ++i) cuts[i].layers[layer].*part = ranges[i];
  return {};
}

// The layer whose experts can be cut in the fewest places decides for all, which have one width.
std::string coarsest_experts(const model::Gguf& file, const Architecture& a) {
  std::string coarsest;
  uint64_t most = 0;
  for (uint32_t i = 0; i < a.n_layers; ++i) {
    const std::string down = block_of(i) + "ffn_down_exps.weight";
    const uint64_t block = a.layers[i].has_experts() ? block_elements(file, down) : 0;
    if (block <= most) continue;
    most = block;
    coarsest = down;
  }
  return coarsest;
}

Result<void> cut_feed_forward(const Dividing& d, const Architecture& a, uint32_t layer, const std::string& coarsest,
                              std::vector<MemberCut>& cuts) {
  const LayerSpec& l = a.layers[layer];
  if (l.feed_forward == FeedForward::dense)
    return cut_width(d, l.d_ff, block_of(layer) + "ffn_down.weight", layer, &LayerCut::feed_forward, cuts);
  if (!l.has_experts()) return {};
  EXO_CHECK(cut_width(d, a.experts.d_ff, coarsest, layer, &LayerCut::experts, cuts));
  const std::string shared = block_of(layer) + "ffn_down_shexp.weight";
  const model::TensorInfo* down = d.file.find_tensor(shared);
  return down == nullptr ? Result<void>() : cut_width(d, down->dims[0], shared, layer, &LayerCut::shared, cuts);
}

Result<void> cut_head(const Dividing& d, const Architecture& a, std::vector<MemberCut>& cuts) {
  const uint64_t units = a.n_vocab / kPackedRows;
  if (units < d.members()) return d.too_few("the vocabulary", units);
  auto ranges = ranges_of(divide(units, d.shares), kPackedRows);
  ranges.back().end = a.n_vocab;
  for (size_t i = 0; i < cuts.size(); ++i) cuts[i].vocabulary = ranges[i];
  return {};
}

Result<void> check_shares(std::span<const double> shares) {
  if (shares.empty() || shares.size() > kMembersMax)
    return fail(ErrorCode::invalid_argument, "a group of {} members is not possible; choose 1 to {}", shares.size(),
                kMembersMax);
  for (const double share : shares)
    if (!(share > 0) || !std::isfinite(share))
      return fail(ErrorCode::invalid_argument, "a share of {} is not possible; give each member a number above 0",
                  share);
  return {};
}

}  // namespace

std::vector<uint64_t> divide(uint64_t units, std::span<const double> shares) {
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::vector<uint64_t> counts;
  std::vector<double> owed;  // to each, beyond what it has
  uint64_t given = 0;
  for (const double share : shares) {
    const double exact = static_cast<double>(units) * share / total;
    counts.push_back(std::max<uint64_t>(1, static_cast<uint64_t>(exact)));
    owed.push_back(exact - static_cast<double>(counts.back()));
    given += counts.back();
  }
  for (; given < units; ++given) {
    const auto most = std::ranges::max_element(owed);
    ++counts[static_cast<size_t>(most - owed.begin())];
    *most -= 1;
  }
  for (; given > units; --given) {  // small shares were rounded up
    std::optional<size_t> richest;
    for (size_t i = 0; i < counts.size(); ++i)
      if (counts[i] > 1 && (!richest || owed[i] < owed[*richest])) richest = i;
    --counts[*richest];
    owed[*richest] += 1;
  }
  return counts;
}

Result<std::vector<MemberCut>> cut_model(const model::Gguf& file, const Architecture& a,
                                         std::span<const double> shares) {
  EXO_CHECK(check_shares(shares));
  if (const std::string_view part = undividable(a); !part.empty())
    return fail(ErrorCode::unsupported,
                "{}: tensor parallelism cannot divide {}; run the model on one device, or cut it between layers",
                file.path().string(), part);
  std::vector<MemberCut> cuts(shares.size());
  for (uint32_t i = 0; i < cuts.size(); ++i)
    cuts[i] = {.rank = i,
               .members = static_cast<uint32_t>(shares.size()),
               .layers = std::vector<LayerCut>(a.n_layers),
               .vocabulary = {}};
  const Dividing dividing{file, shares};
  const std::string coarsest = coarsest_experts(file, a);
  for (uint32_t i = 0; i < a.n_layers; ++i) {
    if (a.layers[i].mixer == Mixer::attention) EXO_CHECK(cut_attention(dividing, a.layers[i], i, cuts));
    EXO_CHECK(cut_feed_forward(dividing, a, i, coarsest, cuts));
  }
  EXO_CHECK(cut_head(dividing, a, cuts));
  return cuts;
}

Architecture member_architecture(Architecture whole, const MemberCut& cut) {
  for (uint32_t i = 0; i < whole.n_layers; ++i) {
    LayerSpec& l = whole.layers[i];
    const LayerCut& own = cut.layers[i];
    if (l.mixer == Mixer::attention) {
      l.n_heads = static_cast<uint32_t>(own.heads.size());
      l.n_kv_heads = static_cast<uint32_t>(own.kv_heads.size());
    }
    if (l.feed_forward == FeedForward::dense) l.d_ff = static_cast<uint32_t>(own.feed_forward.size());
    if (l.has_experts()) whole.experts.d_ff = static_cast<uint32_t>(own.experts.size());
  }
  whole.head_rows = static_cast<uint32_t>(cut.vocabulary.size());
  return whole;
}

}  // namespace exogpu::engine
