#include "engine/families/architecture.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <span>

#include "base/units.h"
#include "engine/families/family.h"
#include "engine/families/known_parts.h"
#include "engine/families/reading.h"
#include "wire/serving_settings.h"

namespace exogpu::engine {
namespace {

Result<const Family*> find_family(const model::Gguf& file, std::string_view name) {
  std::string known;
  for (const Family& family : families()) {
    if (family.name == name) return &family;
    known += known.empty() ? "" : ", ";
    known += family.name;
  }
  return fail(ErrorCode::unsupported, "{}: models of architecture \"{}\" are not supported; supported are {}. {}",
              file.path().string(), name, known, parts_of_unknown(file));
}

Result<void> read_layers(const Metadata& file, Architecture& a) {
  EXO_TRY(const auto heads, file.count_per_layer("attention.head_count", a.n_layers, 0));
  EXO_TRY(const auto kv_heads, file.count_per_layer("attention.head_count_kv", a.n_layers, heads.front()));
  EXO_TRY(const auto widths, file.count_per_layer("feed_forward_length", a.n_layers, 0));
  const uint32_t most_heads = std::ranges::max(heads);
  if (most_heads == 0) return file.corrupt("attention.head_count", "is missing or 0");
  EXO_TRY(const uint32_t head_dim_k, file.count_or("attention.key_length", a.d_model / most_heads));
  EXO_TRY(const uint32_t head_dim_v, file.count_or("attention.value_length", a.d_model / most_heads));
  for (uint32_t i = 0; i < a.n_layers; ++i) {
    LayerSpec layer;
    layer.n_heads = heads[i];
    layer.n_kv_heads = kv_heads[i];
    layer.head_dim_k = head_dim_k;
    layer.head_dim_v = head_dim_v;
    layer.d_ff = widths[i];
    layer.kv_layer = i;
    a.layers.push_back(layer);
  }
  return {};
}

Result<void> read_sizes(const Metadata& file, Architecture& a) {
  EXO_TRY(a.n_layers, file.count("block_count"));
  if (a.n_layers > file.file().tensors().size())
    return fail(ErrorCode::corrupt, "{}: {} = {}, but the file has only {} tensors", file.file().path().string(),
                file.key("block_count"), a.n_layers, file.file().tensors().size());
  // Layers that predict further tokens follow the model's own; they are not run.
  EXO_TRY(const uint32_t predicting, file.count_or("nextn_predict_layers", 0));
  if (predicting >= a.n_layers) return file.corrupt("nextn_predict_layers", "leaves no layers");
  a.n_layers -= predicting;
  EXO_TRY(a.d_model, file.count("embedding_length"));
  EXO_TRY(a.context_trained, file.count("context_length"));
  const char* eps = file.has("attention.layer_norm_rms_epsilon") ? "attention.layer_norm_rms_epsilon"
                                                                 : "attention.layer_norm_epsilon";
  if (!file.has(eps)) return file.corrupt("attention.layer_norm_rms_epsilon", "is missing");
  EXO_TRY(a.norm_eps, file.number(eps));
  if (!(a.norm_eps >= 0.0F && a.norm_eps < 1.0F)) return file.corrupt(eps, "is not between 0 and 1");
  return read_layers(file, a);
}

Result<void> check_attention(const std::string& path, uint32_t index, const LayerSpec& l) {
  if (l.n_heads == 0 || l.n_kv_heads == 0 || l.n_heads % l.n_kv_heads != 0)
    return fail(ErrorCode::corrupt, "{}: {} heads cannot share {} key-value heads (layer {})", path, l.n_heads,
                l.n_kv_heads, index);
  if (l.head_dim_k == 0 || l.head_dim_v == 0)
    return fail(ErrorCode::corrupt, "{}: the heads have no width ({} / {})", path, l.head_dim_k, l.head_dim_v);
  if (uint64_t{l.n_heads} * std::max(l.head_dim_k, l.head_dim_v) > (1U << 24))
    return fail(ErrorCode::corrupt, "{}: {} heads of width {} are beyond anything real", path, l.n_heads, l.head_dim_k);
  return {};
}

Result<void> check_rope(const Metadata& file, const Architecture& a, uint32_t index) {
  const LayerSpec& l = a.layers[index];
  const Rope& rope = a.rope_of(index);
  const uint32_t rotating = l.mixer == Mixer::latent_attention ? a.latent.rope : l.head_dim_k;
  if (!l.rotates || (rope.dims > 0 && rope.dims <= rotating && rope.dims % 2 == 0)) return {};
  return fail(ErrorCode::corrupt, "{}: {} = {} does not fit heads of width {}", file.file().path().string(),
              file.key("rope.dimension_count"), rope.dims, rotating);
}

Result<void> check_layers(const Metadata& file, const Architecture& a) {
  const std::string path = file.file().path().string();
  for (uint32_t i = 0; i < a.n_layers; ++i) {
    const LayerSpec& l = a.layers[i];
    if (l.attends()) {
      EXO_CHECK(check_attention(path, i, l));
      EXO_CHECK(check_rope(file, a, i));
      if (l.kv_layer > i || a.layers[l.kv_layer].k_width() != l.k_width() ||
          a.layers[l.kv_layer].v_width() != l.v_width())
        return fail(ErrorCode::corrupt, "{}: layer {} cannot read the keys and values of layer {}", path, i,
                    l.kv_layer);
    }
    const bool dense = l.feed_forward == FeedForward::dense || l.feed_forward == FeedForward::dense_and_experts;
    if (dense && l.d_ff == 0) return file.corrupt("feed_forward_length", "is missing");
  }
  return {};
}

// The embedding tensor decides the vocabulary's size, and the tokens must agree. vocab_size is not used.
Result<void> read_vocabulary(const Metadata& file, Architecture& a) {
  const model::Gguf& gguf = file.file();
  std::string path = gguf.path().string();
  const model::TensorInfo* embedding = gguf.find_tensor("token_embd.weight");
  if (embedding == nullptr) return fail(ErrorCode::corrupt, "{}: tensor token_embd.weight is missing", path);
  if (embedding->dims[0] != a.d_model)
    return fail(ErrorCode::corrupt, "{}: tensor token_embd.weight has rows of {}, but {} says {}", path,
                embedding->dims[0], file.key("embedding_length"), a.d_model);
  if (embedding->dims[1] > (1U << 24) || embedding->dims[2] != 1 || embedding->dims[3] != 1)
    return fail(ErrorCode::corrupt, "{}: tensor token_embd.weight has an impossible shape", path);
  a.n_vocab = static_cast<uint32_t>(embedding->dims[1]);
  a.head_rows = a.n_vocab;
  if (const auto* tokens = gguf.strings("tokenizer.ggml.tokens"); tokens != nullptr && tokens->size() != a.n_vocab)
    return fail(ErrorCode::corrupt, "{}: the vocabulary has {} tokens, but the embedding has {} rows", path,
                tokens->size(), a.n_vocab);
  return {};
}

}  // namespace

bool Architecture::can_cut(uint32_t layer) const {
  return std::ranges::none_of(std::span(layers).subspan(layer),
                              [&](const LayerSpec& l) { return l.attends() && l.kv_layer < layer; });
}

uint32_t default_context(const Architecture& a) { return std::min(4096U, a.context_trained); }

uint32_t serving_batch(const Architecture& a, uint32_t context, uint32_t requested) {
  constexpr uint32_t most = 2048;  // scratch memory grows with the square of it
  const bool is_default = requested == wire::ServingSettings().batch_tokens;
  if (!a.gives_embeddings() || !a.embeds_whole_texts() || !is_default) return requested;
  return std::max(requested, std::min(context, most));
}

std::string context_warning(const Architecture& a, uint32_t context) {
  if (context <= a.context_trained) return {};
  return std::format(
      "a context of {} tokens is more than the {} that this model was trained for; beyond them answers "
      "may make no sense",
      format_count(context), format_count(a.context_trained));
}

Result<Architecture> read_architecture(const model::Gguf& file) {
  Architecture a;
  EXO_TRY(a.name, file.get_string("general.architecture"));
  EXO_TRY(const Family* family, find_family(file, a.name));
  Metadata metadata(file, a.name);
  EXO_CHECK(read_sizes(metadata, a));
  EXO_CHECK(read_experts(metadata, a));
  EXO_CHECK(read_rope(metadata, a));
  EXO_CHECK(read_vocabulary(metadata, a));
  a.attention_scale = 1.0F / std::sqrt(static_cast<float>(a.layers.front().head_dim_k));
  EXO_CHECK(read_pooling(metadata, a));
  EXO_CHECK(family->describe(metadata, a));
  EXO_CHECK(check_layers(metadata, a));
  return a;
}

}  // namespace exogpu::engine
