#include "engine/families/known_parts.h"

#include <algorithm>
#include <array>
#include <format>
#include <iterator>
#include <string_view>
#include <vector>

namespace exogpu::engine {
namespace {

struct KnownPart {
  std::string_view name;
  std::array<std::string_view, 2> signs;     // tensors that only this part has; one of them suffices
  std::array<std::string_view, 7> prefixes;  // of its tensors within a layer
};

constexpr std::array known_parts = {
    KnownPart{"attention", {"attn_output."}, {"attn_q", "attn_k", "attn_v", "attn_output", "attn_sinks", "attn_norm"}},
    KnownPart{"latent attention", {"attn_kv_a_mqa."}, {"attn_kv_", "attn_q_a", "attn_q_b", "attn_k_b", "attn_v_b"}},
    KnownPart{"gated delta nets",
              {"ssm_beta.", "ssm_ba."},
              {"ssm_a", "ssm_b", "ssm_dt", "ssm_conv1d", "ssm_norm", "ssm_out", "attn_gate"}},
    KnownPart{"Mamba-2", {"ssm_d"}, {"ssm_in", "ssm_d", "ssm_a", "ssm_conv1d", "ssm_norm", "ssm_out"}},
    KnownPart{"short convolutions", {"shortconv."}, {"shortconv."}},
    KnownPart{"dense feed-forward", {"ffn_down."}, {"ffn_gate", "ffn_up", "ffn_down", "ffn_norm", "post_ffw_norm"}},
    KnownPart{"experts",
              {"ffn_down_exps."},
              {"ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "exp_probs_b", "ffn_gate_up_exps"}},
    KnownPart{"a shared expert", {"ffn_down_shexp."}, {"ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp"}},
    KnownPart{"several residual streams", {"altup_predict_coef."}, {"altup_", "laurel_"}},
    KnownPart{"per-layer embeddings", {"inp_gate."}, {"inp_gate", "proj.", "post_norm"}},
};

// Layers of any parts have these.
constexpr std::array<std::string_view, 4> norms = {"attn_norm", "post_attention_norm", "ffn_norm", "layer_output_norm"};

// The name within its layer; empty for a tensor outside the layers.
std::string_view within_layer(std::string_view name) {
  if (!name.starts_with("blk.")) return {};
  const size_t dot = name.find('.', 4);
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

template <size_t n>
bool begins_with_any(std::string_view tensor, const std::array<std::string_view, n>& prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view p) { return !p.empty() && tensor.starts_with(p); });
}

void add_to_list(std::string& list, std::string_view item) {
  list += std::format("{}{}", list.empty() ? "" : ", ", item);
}

}  // namespace

std::string parts_of_unknown(const model::Gguf& file) {
  std::vector<std::string_view> names;  // of the tensors of any layer, each once
  for (const model::TensorInfo& tensor : file.tensors())
    if (const auto name = within_layer(tensor.name); !name.empty() && !std::ranges::contains(names, name))
      names.push_back(name);
  std::vector<KnownPart> seen;
  std::ranges::copy_if(known_parts, std::back_inserter(seen), [&](const KnownPart& part) {
    return std::ranges::any_of(names, [&](std::string_view name) { return begins_with_any(name, part.signs); });
  });
  std::erase_if(names, [&](std::string_view name) {
    return begins_with_any(name, norms) ||
           std::ranges::any_of(seen, [&](const KnownPart& part) { return begins_with_any(name, part.prefixes); });
  });
  std::string parts, unknown;
  for (const KnownPart& part : seen) add_to_list(parts, part.name);
  for (size_t i = 0; i < std::min<size_t>(names.size(), 4); ++i) add_to_list(unknown, names[i]);
  if (names.size() > 4) unknown += std::format(" and {} more", names.size() - 4);
  if (parts.empty()) return "Its layers are made of no part that exogpu knows";
  std::string text = "It seems to be made of parts that exogpu knows: " + parts +
                     "; missing is the description of how they "
                     "are put together";
  if (!unknown.empty()) text += ", and what these tensors of a layer are for: " + unknown;
  return text;
}

}  // namespace exogpu::engine
