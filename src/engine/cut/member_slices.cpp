// Which part of each tensor belongs to a member, by the tensor's name.
#include <string_view>

#include "engine/cut/exchange.h"
#include "engine/cut/member_cut.h"
#include "model/shard_tensors.h"

namespace exogpu::engine {
namespace {

using model::IndexRange;
using model::TensorSlice;

// Several parts of a tensor's axis, one after another: of each, `own` of `all` items of `width` elements.
struct Part {
  IndexRange own;
  uint64_t all = 0;
  uint64_t width = 1;
};

// Slices the axis; where parts of neighbours touch, they become one range.
Result<TensorSlice> slice_axis(const model::Gguf& file, const model::TensorInfo& tensor, TensorSlice::Of of,
                               std::initializer_list<Part> parts) {
  TensorSlice slice{.of = of, .ranges = {}};
  uint64_t begin = 0;
  for (const Part& part : parts) {
    const IndexRange range{begin + part.own.begin * part.width, begin + part.own.end * part.width};
    begin += part.all * part.width;
    if (range.size() == 0) continue;
    if (!slice.ranges.empty() && slice.ranges.back().end == range.begin) {
      slice.ranges.back().end = range.end;
    } else {
      slice.ranges.push_back(range);
    }
  }
  if (const uint64_t size = tensor.dims[of == TensorSlice::Of::columns ? 0 : 1]; size != begin)
    return fail(ErrorCode::corrupt, "{}: tensor {} is {} wide where the metadata asks for {}", file.path().string(),
                tensor.name, size, begin);
  if (auto checked = model::check_slice(tensor, slice); !checked)
    return fail(ErrorCode::corrupt, "{}: {}", file.path().string(), checked.error().message);
  return slice;
}

// The tensor within its layer: "ffn_down_exps" and "bias".
struct Name {
  std::string_view stem;
  bool bias = false;
  explicit Name(std::string_view tensor) {
    stem = tensor.substr(tensor.find('.', 4) + 1);
    const size_t dot = stem.rfind('.');
    bias = dot != std::string_view::npos && stem.substr(dot) == ".bias";
    const bool known = bias || (dot != std::string_view::npos && stem.substr(dot) == ".weight");
    if (known) stem = stem.substr(0, dot);
  }
};

struct Slicing {
  const model::Gguf& file;
  const model::TensorInfo& tensor;
  const Architecture& a;
  const MemberCut& cut;

  // What gives the layer's width: rows of a matrix, elements of its bias.
  Result<TensorSlice> outputs(bool bias, std::initializer_list<Part> parts) const {
    return slice_axis(file, tensor, bias ? TensorSlice::Of::columns : TensorSlice::Of::rows, parts);
  }

  // What makes a partial sum of it: columns of a matrix. Its bias is added once.
  Result<TensorSlice> inputs(bool bias, const Part& part) const {
    if (!bias) return slice_axis(file, tensor, TensorSlice::Of::columns, {part});
    return TensorSlice{.of = cut.rank == 0 ? TensorSlice::Of::whole : TensorSlice::Of::absent};
  }

  Result<TensorSlice> of_attention(const Name& name, const LayerSpec& l, const LayerCut& own) const {
    const Part q{own.heads, l.n_heads, uint64_t{l.head_dim_k} * (a.gated_attention ? 2 : 1)};
    const Part k{own.kv_heads, l.n_kv_heads, l.head_dim_k};
    const Part v{own.kv_heads, l.n_kv_heads, l.head_dim_v};
    if (name.stem == "attn_q") return outputs(name.bias, {q});
    if (name.stem == "attn_k") return outputs(name.bias, {k});
    if (name.stem == "attn_v") return outputs(name.bias, {v});
    if (name.stem == "attn_qkv") return outputs(name.bias, {q, k, v});
    if (name.stem == "attn_sinks") return outputs(true, {{own.heads, l.n_heads, 1}});
    if (name.stem == "attn_output") return inputs(name.bias, {own.heads, l.n_heads, l.head_dim_v});
    return TensorSlice{};
  }

  bool gate_apart(uint32_t layer, std::string_view suffix) const {
    return file.find_tensor("blk." + std::to_string(layer) + ".ffn_gate" + std::string(suffix) + ".weight") != nullptr;
  }

  // Gate, up and down of one width; where the file has no gate, `up` has both, unless there is none.
  Result<TensorSlice> of_width(const Name& name, uint32_t layer, std::string_view suffix, const Part& width,
                               Activation activation) const {
    const std::string_view stem = name.stem.substr(0, name.stem.size() - suffix.size());
    if (stem == "ffn_down") return inputs(name.bias, width);
    if (stem == "ffn_gate") return outputs(name.bias, {width});
    if (stem == "ffn_gate_up") return outputs(name.bias, {width, width});
    if (stem != "ffn_up") return TensorSlice{};
    if (ungated(activation) || gate_apart(layer, suffix) || suffix == "_exps") return outputs(name.bias, {width});
    return outputs(name.bias, {width, width});
  }

  Result<TensorSlice> of_layer(uint32_t layer) const {
    const Name name(tensor.name);
    const LayerSpec& l = a.layers[layer];
    const LayerCut& own = cut.layers[layer];
    if (name.stem.starts_with("attn_") && l.mixer == Mixer::attention) return of_attention(name, l, own);
    if (!name.stem.starts_with("ffn_")) return TensorSlice{};
    if (name.stem.ends_with("_shexp")) {
      const model::TensorInfo* down = file.find_tensor("blk." + std::to_string(layer) + ".ffn_down_shexp.weight");
      return of_width(name, layer, "_shexp", {own.shared, down == nullptr ? 0 : down->dims[0], 1},
                      a.experts.activation);
    }
    if (name.stem.ends_with("_exps"))
      return of_width(name, layer, "_exps", {own.experts, a.experts.d_ff, 1}, a.experts.activation);
    if (l.feed_forward == FeedForward::dense)
      return of_width(name, layer, "", {own.feed_forward, l.d_ff, 1}, a.activation);
    return TensorSlice{};
  }
};

}  // namespace

Result<TensorSlice> slice_of(const model::Gguf& file, const model::TensorInfo& tensor, const Architecture& whole,
                             const MemberCut& cut) {
  const Slicing slicing{file, tensor, whole, cut};
  if (const auto layer = model::layer_of(tensor.name))
    return *layer < whole.n_layers ? slicing.of_layer(*layer) : Result<TensorSlice>();
  const Part rows{cut.vocabulary, whole.n_vocab, 1};
  const bool is_head = tensor.name == "output.weight" ||
                       (tensor.name == "token_embd.weight" && file.find_tensor("output.weight") == nullptr);
  if (is_head) return slicing.outputs(false, {rows});
  if (tensor.name == "output.bias") return slicing.outputs(true, {rows});
  return TensorSlice{};
}

Slicer slicer(const model::Gguf& file, const std::shared_ptr<const GroupMember>& member) {
  if (!member) return {};
  return
      [&file, member](const model::TensorInfo& tensor) { return slice_of(file, tensor, member->whole, member->cut); };
}

}  // namespace exogpu::engine
