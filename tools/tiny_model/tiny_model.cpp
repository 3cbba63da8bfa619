#include "tiny_model/tiny_model.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <fstream>
#include <numbers>
#include <string>

#include "model/testing/gguf_writer.h"
#include "tiny_model/parts.h"
#include "tiny_model/shapes.h"
#include "tiny_model/tensors.h"
#include "tiny_model/vocabulary.h"
#include "tiny_model/weights.h"

namespace exogpu::tiny {
namespace {

using model::testing::GgufWriter;

Result<Shape> find_shape(std::string_view family, const Options& options) {
  const auto found = std::ranges::find(shapes(), family, &Shape::name);
  if (found == shapes().end()) {
    std::string known;
    for (const Shape& shape : shapes()) known += (known.empty() ? "" : ", ") + std::string(shape.name);
    return fail(ErrorCode::not_found, "{}: no such family of tiny models; the families are {}", family, known);
  }
  Shape shape = *found;
  shape.layers = options.layers.value_or(shape.layers);
  shape.embedding = options.embedding_length.value_or(shape.embedding);
  if (shape.layers < 1 || shape.layers > 1024) {
    return fail(ErrorCode::invalid_argument, "{} layers: a tiny model has 1 to 1,024", shape.layers);
  }
  if (shape.embedding < 32 || shape.embedding > 8192 || shape.embedding % 32 != 0) {
    return fail(ErrorCode::invalid_argument, "embedding length {}: must be a multiple of 32 from 32 to 8,192",
                shape.embedding);
  }
  if (options.context_length < 1) return fail(ErrorCode::invalid_argument, "context length 0: must be at least 1");
  return shape;
}

void add_hyperparameters(GgufWriter& file, const Shape& shape, const Options& options) {
  const auto add = [&](std::string_view key, auto value) {
    file.meta(std::format("{}.{}", shape.architecture, key), value);
  };
  add("context_length", shape.encoder ? kEncoderContext : options.context_length);
  add("embedding_length", shape.embedding);
  add("block_count", shape.layers);
  add_feed_forward_length(file, shape);
  add("attention.head_count", shape.heads);
  add_kv_heads(file, shape);
  if (!shape.latent) {
    add("attention.key_length", shape.head_dim);
    add("attention.value_length", shape.head_dim);
  }
  add(shape.layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", shape.epsilon);
  add("rope.freq_base", shape.rope_base);
  if (!shape.latent) add("rope.dimension_count", shape.head_dim);
  if (shape.experts) {
    add("expert_count", shape.experts->count);
    add("expert_used_count", shape.experts->used);
    if (shape.architecture != "llama") add("expert_feed_forward_length", shape.experts->feed_forward);
  }
  if (shape.scaling) {
    add("rope.scaling.type", shape.scaling->kind);
    add("rope.scaling.factor", shape.scaling->factor);
    if (shape.scaling->original_context > 0) {
      add("rope.scaling.original_context_length", shape.scaling->original_context);
    }
  }
  if (shape.sliding_window > 0) add("attention.sliding_window", shape.sliding_window);
  if (shape.soft_cap) {
    add("attn_logit_softcapping", shape.soft_cap->attention);
    add("final_logit_softcapping", shape.soft_cap->logits);
  }
  if (shape.architecture == "phi3") {
    add("attention.sliding_window", options.context_length);
    add("rope.scaling.original_context_length", options.context_length);
  }
  add_part_hyperparameters(file, shape);
  if (shape.granite) {
    add("embedding_scale", shape.granite->embedding);
    add("residual_scale", shape.granite->residual);
    add("attention.scale", shape.granite->attention);
    add("logit_scale", shape.granite->logit);
  }
}

// Llama 3.1's: long waves are stretched eight times, short ones left alone, and those between blended.
std::vector<float> llama3_rope_factors(const Shape& shape) {
  constexpr float low = 1, high = 4, original_context = 1024, factor = 8;
  const uint32_t pairs = shape.head_dim / 2;
  std::vector<float> factors;
  for (uint32_t pair = 0; pair < pairs; ++pair) {
    const float wavelength =
        2 * std::numbers::pi_v<float> * std::pow(shape.rope_base, static_cast<float>(pair) / static_cast<float>(pairs));
    if (wavelength < original_context / high) {
      factors.push_back(1);
    } else if (wavelength > original_context / low) {
      factors.push_back(factor);
    } else {
      const float smooth = (original_context / wavelength - low) / (high - low);
      factors.push_back(1 / ((1 - smooth) / factor + smooth));
    }
  }
  return factors;
}

void add_weights(Tensors& tensors, const Shape& shape, uint32_t vocabulary) {
  tensors.matrix("token_embd.weight", vocabulary, shape.embedding, 0.7F);
  if (!shape.encoder)
    tensors.vector(shape.short_conv_taps > 0 ? "token_embd_norm.weight" : "output_norm.weight", shape.embedding);
  if (!shape.tied) tensors.matrix("output.weight", vocabulary, shape.embedding);
  if (shape.llama3_rope) tensors.given("rope_freqs.weight", llama3_rope_factors(shape));
  add_part_ends(tensors, shape, vocabulary);
  for (uint32_t layer = 0; layer < shape.layers; ++layer) add_layer(tensors, shape, layer);
}

// The format's number for "mostly this type".
uint32_t file_type(MatrixType type) {
  switch (type) {
    case MatrixType::bf16: return 32;
    case MatrixType::q8_0: return 7;
    case MatrixType::mxfp4: return 38;
    default: return static_cast<uint32_t>(tensor_type(type));
  }
}

}  // namespace

std::span<const Family> families() {
  static const std::vector<Family> all = [] {
    std::vector<Family> list;
    for (const Shape& shape : shapes()) list.push_back({shape.name, shape.architecture});
    return list;
  }();
  return all;
}

Result<std::vector<std::byte>> tiny_model(std::string_view family, uint64_t seed, const Options& options) {
  EXO_TRY(const Shape shape, find_shape(family, options));
  GgufWriter file;
  file.meta("general.architecture", shape.architecture)
      .meta("general.name", "Tiny random model")
      .meta("general.basename", shape.name)
      .meta("general.file_type", file_type(options.matrices));
  add_hyperparameters(file, shape, options);
  const uint32_t vocabulary = add_vocabulary(file, shape.pre_tokenizer, shape.add_bos);
  file.meta(std::format("{}.vocab_size", shape.architecture), vocabulary);
  Tensors tensors(file, seed, options.matrices);
  add_weights(tensors, shape, vocabulary);
  return file.bytes();
}

Result<void> write_tiny_model(const std::filesystem::path& path, std::string_view family, uint64_t seed,
                              const Options& options) {
  EXO_TRY(const std::vector<std::byte> bytes, tiny_model(family, seed, options));
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) return fail(ErrorCode::io_error, "{}: cannot write", path.string());
  return {};
}

}  // namespace exogpu::tiny
