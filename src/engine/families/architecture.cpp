#include "engine/families/architecture.h"

#include <algorithm>
#include <cmath>
#include <format>

#include "base/units.h"
#include "engine/families/family.h"
#include "engine/families/metadata.h"

namespace exogpu::engine {
namespace {

Result<const Family*> find_family(const model::Gguf& file, std::string_view name) {
  std::string known;
  for (const Family& family : families()) {
    if (family.name == name) return &family;
    known += known.empty() ? "" : ", ";
    known += family.name;
  }
  return fail(ErrorCode::unsupported, "{}: models of architecture \"{}\" are not supported; supported are {}",
              file.path().string(), name, known);
}

Result<void> read_sizes(const Metadata& file, Architecture& a) {
  EXO_TRY(a.n_layers, file.count("block_count"));
  if (a.n_layers > file.file().tensors().size())
    return fail(ErrorCode::corrupt, "{}: {} = {}, but the file has only {} tensors", file.file().path().string(),
                file.key("block_count"), a.n_layers, file.file().tensors().size());
  EXO_TRY(a.d_model, file.count("embedding_length"));
  EXO_TRY(a.n_heads, file.count("attention.head_count"));
  EXO_TRY(a.n_kv_heads, file.count_or("attention.head_count_kv", a.n_heads));
  EXO_TRY(a.head_dim_k, file.count_or("attention.key_length", a.d_model / a.n_heads));
  EXO_TRY(a.head_dim_v, file.count_or("attention.value_length", a.d_model / a.n_heads));
  EXO_TRY(a.context_trained, file.count("context_length"));
  EXO_TRY(a.norm_eps, file.number("attention.layer_norm_rms_epsilon"));
  EXO_TRY(a.d_ff, file.count_or("feed_forward_length", 0));
  return {};
}

Result<void> check_sizes(const Metadata& file, const Architecture& a) {
  std::string path = file.file().path().string();
  if (a.n_kv_heads == 0 || a.n_heads % a.n_kv_heads != 0)
    return fail(ErrorCode::corrupt, "{}: {} heads cannot share {} key-value heads", path, a.n_heads, a.n_kv_heads);
  if (a.head_dim_k == 0 || a.head_dim_v == 0)
    return fail(ErrorCode::corrupt, "{}: the heads have no width ({} / {})", path, a.head_dim_k, a.head_dim_v);
  if (uint64_t{a.n_heads} * std::max(a.head_dim_k, a.head_dim_v) > (1U << 24))
    return fail(ErrorCode::corrupt, "{}: {} heads of width {} are beyond anything real", path, a.n_heads, a.head_dim_k);
  if (!(a.norm_eps >= 0.0F && a.norm_eps < 1.0F))
    return fail(ErrorCode::corrupt, "{}: {} = {} makes no sense", path, file.key("attention.layer_norm_rms_epsilon"),
                a.norm_eps);
  return {};
}

Result<void> read_experts(const Metadata& file, Architecture& a) {
  EXO_TRY(a.experts.count, file.count_or("expert_count", 0));
  if (a.experts.count == 0) {
    if (a.d_ff == 0)
      return fail(ErrorCode::corrupt, "{}: {} is missing", file.file().path().string(),
                  file.key("feed_forward_length"));
    return {};
  }
  EXO_TRY(a.experts.used, file.count("expert_used_count"));
  EXO_TRY(a.experts.d_ff, file.count_or("expert_feed_forward_length", a.d_ff));
  EXO_TRY(a.experts.weight_scale, file.number_or("expert_weights_scale", 1.0F));
  if (a.experts.weight_scale == 0.0F) a.experts.weight_scale = 1.0F;
  if (a.experts.used > a.experts.count)
    return fail(ErrorCode::corrupt, "{}: {} experts are used of only {}", file.file().path().string(), a.experts.used,
                a.experts.count);
  if (a.experts.d_ff == 0)
    return fail(ErrorCode::corrupt, "{}: {} is missing", file.file().path().string(),
                file.key("expert_feed_forward_length"));
  return {};
}

Result<void> read_rope(const Metadata& file, Architecture& a) {
  Rope& rope = a.rope;
  EXO_TRY(rope.dims, file.count_or("rope.dimension_count", a.head_dim_k));
  if (rope.dims == 0 || rope.dims > a.head_dim_k || rope.dims % 2 != 0)
    return fail(ErrorCode::corrupt, "{}: {} = {} does not fit heads of width {}", file.file().path().string(),
                file.key("rope.dimension_count"), rope.dims, a.head_dim_k);
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
  if (kind == "yarn") {
    rope.extrapolation = 1.0F;
    EXO_TRY(rope.beta_fast, file.number_or("rope.scaling.yarn_beta_fast", 32.0F));
    EXO_TRY(rope.beta_slow, file.number_or("rope.scaling.yarn_beta_slow", 1.0F));
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
  if (const auto* tokens = gguf.strings("tokenizer.ggml.tokens"); tokens != nullptr && tokens->size() != a.n_vocab)
    return fail(ErrorCode::corrupt, "{}: the vocabulary has {} tokens, but the embedding has {} rows", path,
                tokens->size(), a.n_vocab);
  return {};
}

}  // namespace

uint32_t default_context(const Architecture& a) { return std::min(4096U, a.context_trained); }

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
  EXO_CHECK(check_sizes(metadata, a));
  EXO_CHECK(read_experts(metadata, a));
  EXO_CHECK(read_rope(metadata, a));
  EXO_CHECK(read_vocabulary(metadata, a));
  a.attention_scale = 1.0F / std::sqrt(static_cast<float>(a.head_dim_k));
  EXO_CHECK(family->describe(metadata, a));
  return a;
}

}  // namespace exogpu::engine
