#include "model/summary.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <format>
#include <limits>

namespace exogpu::model {
namespace {

constexpr uint64_t kLayersMax = 10'000;  // far above any model; a damaged count must not become an allocation

// general.file_type, as quantising programs number it.
std::string_view file_type_name(uint64_t id) {
  static constexpr std::array<std::string_view, 39> kNames = {
      "F32",    "F16",    "Q4_0",   "Q4_1",    "",       "",       "",       "Q8_0",   "Q5_0",  "Q5_1",
      "Q2_K",   "Q3_K_S", "Q3_K_M", "Q3_K_L",  "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K",  "IQ2_XXS",
      "IQ2_XS", "Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S",  "IQ4_NL", "IQ3_S",  "IQ3_M",  "IQ2_S", "IQ2_M",
      "IQ4_XS", "IQ1_M",  "BF16",   "",        "",       "",       "TQ1_0",  "TQ2_0",  "MXFP4"};
  return id < kNames.size() ? kNames[id] : std::string_view();
}

// Reads a file's metadata; the keys of the shape begin with the architecture's name.
class Reader {
 public:
  explicit Reader(const Gguf& file) : file_(file), architecture_(text("general.architecture")) {}

  const std::string& architecture() const { return architecture_; }

  std::string text(std::string_view key) const { return file_.get_string_or(key, "").value_or(""); }
  std::string arch_text(std::string_view key) const { return text(arch_key(key)); }

  std::optional<uint64_t> number(std::string_view key) const {
    auto value = file_.get_uint(key);
    return value ? std::optional(*value) : std::nullopt;
  }
  std::optional<uint64_t> arch_number(std::string_view key) const { return number(arch_key(key)); }

  std::optional<double> arch_float(std::string_view key) const {
    auto value = file_.get_float(arch_key(key));
    return value ? std::optional(*value) : std::nullopt;
  }

  // Accepts one number for all layers, or one per layer.
  std::vector<uint64_t> per_layer(std::string_view key, uint64_t layers) const {
    if (auto one = arch_number(key)) return std::vector<uint64_t>(layers, *one);
    const auto* each = file_.ints(arch_key(key));
    if (!each || each->size() != layers || std::ranges::any_of(*each, [](int64_t n) { return n < 0; })) return {};
    return {each->begin(), each->end()};
  }

 private:
  std::string arch_key(std::string_view key) const { return std::format("{}.{}", architecture_, key); }
  const Gguf& file_;
  std::string architecture_;
};

std::string rope_scaling(const Reader& reader) {
  std::string kind = reader.arch_text("rope.scaling.type");
  if (kind.empty() || kind == "none") return {};
  if (auto factor = reader.arch_float("rope.scaling.factor")) kind += std::format(", factor {:g}", *factor);
  if (auto from = reader.arch_number("rope.scaling.original_context_length"))
    kind += std::format(" from {} tokens", *from);
  return kind;
}

uint64_t layer_count(const Reader& reader, const Gguf& file) {
  uint64_t observed = 0;
  for (const TensorInfo& tensor : file.tensors()) {
    if (auto layer = layer_of_tensor(tensor.name); layer && *layer < kLayersMax)
      observed = std::max<uint64_t>(observed, *layer + 1);
  }
  uint64_t stated = reader.arch_number("block_count").value_or(0);
  return stated >= observed && stated <= kLayersMax ? stated : observed;
}

void read_shape(const Reader& reader, ModelSummary& out) {
  uint64_t layers = out.layers.size();
  out.context_length = reader.arch_number("context_length");
  out.width = reader.arch_number("embedding_length");
  out.feed_forward = reader.per_layer("feed_forward_length", layers);
  out.heads = reader.per_layer("attention.head_count", layers);
  out.kv_heads = reader.per_layer("attention.head_count_kv", layers);
  if (out.kv_heads.empty()) out.kv_heads = out.heads;
  out.key_length = reader.arch_number("attention.key_length");
  out.value_length = reader.arch_number("attention.value_length");
  auto most_heads = std::ranges::max_element(out.heads);
  if (out.width && most_heads != out.heads.end() && *most_heads > 0) {
    if (!out.key_length) out.key_length = *out.width / *most_heads;
    if (!out.value_length) out.value_length = *out.width / *most_heads;
  }
  out.experts = reader.arch_number("expert_count");
  if (out.experts == 0u) out.experts.reset();
  if (out.experts) {
    out.experts_used = reader.arch_number("expert_used_count");
    out.expert_feed_forward = reader.arch_number("expert_feed_forward_length");
  }
  out.sliding_window = reader.arch_number("attention.sliding_window");
  out.rope_base = reader.arch_float("rope.freq_base");
  out.rope_scaling = rope_scaling(reader);
}

// Layers without a cache of their own: those that are recurrent, and those that attend to the cache of another.
std::vector<bool> layers_with_kv(const Reader& reader, size_t layers) {
  std::vector<bool> has(layers, true);
  if (const auto interval = reader.arch_number("full_attention_interval"); interval && *interval > 0)
    for (size_t i = 0; i < layers; ++i) has[i] = (i + 1) % *interval == 0;
  const uint64_t shared = std::min<uint64_t>(reader.arch_number("attention.shared_kv_layers").value_or(0), layers);
  for (size_t i = layers - shared; i < layers; ++i) has[i] = false;
  return has;
}

void read_kv(const Reader& reader, ModelSummary& out) {
  // Keeps later products and sums far from overflow, for any file.
  constexpr uint64_t kMost = 1 << 20;
  bool sane = out.key_length.value_or(kMost) < kMost && out.value_length.value_or(kMost) < kMost &&
              std::ranges::all_of(out.kv_heads, [](uint64_t n) { return n < kMost; });
  if (out.kv_heads.empty() || !sane) return;
  const std::vector<bool> has = layers_with_kv(reader, out.layers.size());
  // Latent attention caches one vector, of which the values are a part.
  const bool latent = reader.arch_number("attention.key_length_mla").has_value();
  const auto sliding = reader.per_layer("attention.sliding_window_pattern", out.layers.size());
  const auto k_sliding = reader.arch_number("attention.key_length_swa").value_or(*out.key_length);
  const auto v_sliding = reader.arch_number("attention.value_length_swa").value_or(*out.value_length);
  for (size_t i = 0; i < out.layers.size(); ++i) {
    if (!has[i]) continue;
    const bool slides = i < sliding.size() && sliding[i] == 1;
    out.layers[i].k_elements = out.kv_heads[i] * (slides ? std::min(k_sliding, kMost) : *out.key_length);
    if (!latent) out.layers[i].v_elements = out.kv_heads[i] * (slides ? std::min(v_sliding, kMost) : *out.value_length);
  }
  out.kv_known = true;
}

void read_vocabulary(const Gguf& file, const Reader& reader, ModelSummary& out) {
  out.tokenizer = reader.text("tokenizer.ggml.model");
  out.pre_tokenizer = reader.text("tokenizer.ggml.pre");
  out.chat_template = file.find("tokenizer.chat_template") != nullptr;
  if (const auto* tokens = file.strings("tokenizer.ggml.tokens")) {
    out.vocabulary = tokens->size();
  } else if (auto size = reader.arch_number("vocab_size")) {
    out.vocabulary = size;
  } else if (const TensorInfo* embedding = file.find_tensor("token_embd.weight")) {
    out.vocabulary = embedding->dims[1];
  }
}

void count_weights(const Gguf& file, ModelSummary& out) {
  uint64_t in_experts = 0;
  for (const TensorInfo& tensor : file.tensors()) {
    std::string_view name = tensor.name;
    out.parameters += tensor.elements();
    out.weight_bytes += tensor.bytes;
    auto share = std::ranges::find(out.types, tensor.type, &TypeShare::type);
    if (share == out.types.end()) share = out.types.insert(share, {.type = tensor.type});
    ++share->tensors;
    share->elements += tensor.elements();
    share->bytes += tensor.bytes;
    if (name.find("_exps.") != std::string_view::npos) in_experts += tensor.elements();
    if (auto layer = layer_of_tensor(name); layer && *layer < out.layers.size()) {
      out.layers[*layer].weight_bytes += tensor.bytes;
    } else if (name.starts_with("token_embd") || name.starts_with("position_embd") || name.starts_with("token_types") ||
               name.starts_with("per_layer_token_embd")) {
      out.embedding_bytes += tensor.bytes;
    } else if (name.starts_with("output")) {
      out.head_bytes += tensor.bytes;
    } else {
      out.other_bytes += tensor.bytes;
    }
  }
  std::ranges::sort(out.types, std::ranges::greater(), &TypeShare::bytes);
  out.tied_head = file.find_tensor("token_embd.weight") && !file.find_tensor("output.weight");
  if (out.experts && out.experts_used && *out.experts_used <= *out.experts && in_experts > 0) {
    // All experts have the same size.
    out.active_parameters = out.parameters - in_experts + in_experts / *out.experts * *out.experts_used;
  }
}

}  // namespace

double ModelSummary::bits_per_weight() const {
  return parameters == 0 ? 0 : 8.0 * static_cast<double>(weight_bytes) / static_cast<double>(parameters);
}

ModelSummary summarize(const Gguf& file) {
  Reader reader(file);
  ModelSummary out;
  out.architecture = reader.architecture();
  out.name = reader.text("general.name");
  out.license = reader.text("general.license");
  out.author = reader.text("general.author");
  out.url = reader.text("general.url");
  if (auto type = reader.number("general.file_type")) out.file_type = file_type_name(*type);
  out.layers.resize(layer_count(reader, file));
  read_shape(reader, out);
  read_kv(reader, out);
  read_vocabulary(file, reader, out);
  count_weights(file, out);
  return out;
}

Bytes kv_bytes_per_token(const std::vector<LayerSummary>& layers, TensorType type) {
  const TensorTypeInfo* info = tensor_type_info(type);
  if (!info) return 0;
  auto row = [&](uint64_t elements) {
    return (elements + info->block_elements - 1) / info->block_elements * info->block_bytes;
  };
  Bytes bytes = 0;
  for (const LayerSummary& layer : layers) bytes += row(layer.k_elements) + row(layer.v_elements);
  return bytes;
}

std::optional<uint32_t> layer_of_tensor(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  uint32_t layer = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return layer;
}

}  // namespace exogpu::model
