#include "cli/inspect/report.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>

#include "base/utf8.h"
#include "cli/table.h"
#include "model/base_model.h"

namespace exogpu::cli {
namespace {

using model::MetaArray;
using model::MetaValue;
using model::ModelSummary;
using model::TensorType;

constexpr size_t kTextMost = 80;         // characters shown of one text
constexpr size_t kElementsShownMax = 6;  // elements shown of one array

std::string shortened(std::string_view text) {
  if (text.size() <= kTextMost) return printable(text);
  size_t cut = kTextMost - 20;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return std::format("{}… ({} bytes)", printable(text.substr(0, cut)), format_count(text.size()));
}

std::string value_text(double value) { return std::format("{:g}", value); }
std::string value_text(int64_t value) { return std::format("{}", value); }
std::string value_text(const std::string& value) {
  std::string quoted = "\"";
  for (char c : shortened(value)) {
    if (c == '"') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}
std::string value_text(bool value) { return value ? "true" : "false"; }
std::string value_text(const MetaArray& array) {
  return std::visit(
      [](const auto& values) {
        std::string out = "[";
        for (size_t i = 0; i < std::min(values.size(), kElementsShownMax); ++i) {
          if (i > 0) out += ", ";
          out += value_text(values[i]);
        }
        if (values.size() > kElementsShownMax) out += std::format(", … {} in all", format_count(values.size()));
        return out + "]";
      },
      array);
}

// 8030261248 becomes "8.03 billion".
std::string in_words(uint64_t count) {
  if (count >= 1'000'000'000) return std::format("{:.3g} billion", static_cast<double>(count) / 1e9);
  if (count >= 1'000'000) return std::format("{:.3g} million", static_cast<double>(count) / 1e6);
  return format_count(count);
}

std::string percent(Bytes part, Bytes whole) {
  return whole == 0 ? "" : std::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// "8", or "4 to 8" if the layers differ.
std::string range(const std::vector<uint64_t>& values) {
  if (values.empty()) return "?";
  auto [least, most] = std::ranges::minmax(values);
  return least == most ? format_count(least) : std::format("{} to {}", format_count(least), format_count(most));
}

std::string heads(const ModelSummary& m) {
  if (m.heads.empty()) return {};
  std::string out = range(m.heads);
  if (m.kv_heads != m.heads) out += std::format(", {} of keys and values", range(m.kv_heads));
  if (m.key_length) out += std::format(", each {} wide", format_count(*m.key_length));
  if (m.value_length && m.value_length != m.key_length)
    out += std::format(" (values {})", format_count(*m.value_length));
  return out;
}

std::string experts(const ModelSummary& m) {
  if (!m.experts) return {};
  std::string out = format_count(*m.experts);
  if (m.experts_used) out = std::format("{} of {} for each token", format_count(*m.experts_used), out);
  if (m.expert_feed_forward) out += std::format(", each {} wide", format_count(*m.expert_feed_forward));
  return out;
}

std::string rope(const ModelSummary& m) {
  if (!m.rope_base) return {};
  double base = *m.rope_base;
  bool whole = base >= 1 && base < 1e15 && base == std::floor(base);
  std::string out = "base " + (whole ? format_count(static_cast<uint64_t>(base)) : std::format("{:g}", base));
  if (!m.rope_scaling.empty()) out += ", " + printable(m.rope_scaling);
  return out;
}

std::string tokenizer(const ModelSummary& m) {
  std::string out = m.tokenizer.empty() ? "?" : printable(m.tokenizer);
  if (m.tokenizer == "gpt2") out = "byte-level BPE (gpt2)";
  if (m.tokenizer == "llama") out = "SentencePiece (llama)";
  if (m.tokenizer == "bert") out = "WordPiece (bert)";
  if (m.tokenizer == "t5") out = "Unigram (t5)";
  if (m.tokenizer == "none") out = "none: token ids only";
  if (!m.pre_tokenizer.empty()) out += std::format(", pre-tokenizer {}", printable(m.pre_tokenizer));
  return out;
}

std::string model_section(const Report& report) {
  const ModelSummary& m = report.summary;
  Rows rows;
  auto line = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) rows.push_back({std::string(what), value});
  };
  auto number = [&](std::string_view what, std::optional<uint64_t> value, std::string_view unit) {
    if (value) line(what, format_count(*value) + std::string(unit));
  };
  line("architecture", printable(m.architecture));
  if (m.parameters > 0) {
    std::string active = m.active_parameters ? std::format(", {} for each token", in_words(*m.active_parameters)) : "";
    line("parameters", in_words(m.parameters) + active);
    std::string mixture = m.file_type.empty() ? "" : std::format(" ({})", m.file_type);
    line("weights", std::format("{}, {:.2f} bits each{}", format_bytes(m.weight_bytes), m.bits_per_weight(), mixture));
  } else {
    line("weights", "none: this file has no tensors");
  }
  if (!m.layers.empty()) line("layers", format_count(m.layers.size()));
  number("width", m.width, "");
  if (!m.feed_forward.empty()) line("feed-forward", range(m.feed_forward));
  line("experts", experts(m));
  line("heads", heads(m));
  number("context", m.context_length, " tokens");
  number("sliding window", m.sliding_window, " tokens");
  line("rope", rope(m));
  number("vocabulary", m.vocabulary, " tokens");
  line("tokenizer", tokenizer(m));
  // Leaves out the file and the key, which begin the message.
  const size_t fault = report.template_fault.find("does not parse");
  line("chat template", fault != std::string::npos       ? printable(report.template_fault.substr(fault))
                        : !report.template_fault.empty() ? printable(report.template_fault)
                        : m.chat_template                ? "yes"
                                                         : "none");
  if (std::string sign = model::base_model_sign(report.file); !sign.empty() && m.parameters > 0) {
    line("kind", "probably a base model: " + sign);
  }
  line("license", printable(m.license));
  line("author", printable(m.author));
  line("url", printable(m.url));
  return align_columns(rows, "ll", 2);
}

std::string types_section(const ModelSummary& m) {
  Rows rows;
  for (const model::TypeShare& share : m.types) {
    rows.push_back({model::tensor_type_name(share.type), format_bytes(share.bytes),
                    percent(share.bytes, m.weight_bytes),
                    std::format("{} tensor{}", format_count(share.tensors), share.tensors == 1 ? "" : "s")});
  }
  return align_columns(rows, "lrrr", 2);
}

std::string places_section(const ModelSummary& m) {
  Rows rows;
  auto line = [&](std::string_view what, Bytes bytes, std::string_view note) {
    if (bytes > 0) {
      rows.push_back({std::string(what), format_bytes(bytes), percent(bytes, m.weight_bytes), std::string(note)});
    }
  };
  line("embedding", m.embedding_bytes, m.tied_head ? "also used as the output matrix" : "");
  if (!m.layers.empty()) {
    auto [least, most] = std::ranges::minmax(m.layers, {}, &model::LayerSummary::weight_bytes);
    Bytes all = 0;
    for (const model::LayerSummary& layer : m.layers) all += layer.weight_bytes;
    std::string each = format_bytes(least.weight_bytes);
    if (format_bytes(most.weight_bytes) != each) each += " to " + format_bytes(most.weight_bytes);
    line("layers", all, std::format("{} × {}", m.layers.size(), each));
  }
  line("head", m.head_bytes, "");
  line("other", m.other_bytes, "");
  return align_columns(rows, "lrrl", 2);
}

// The token counts for which the cache's size is shown.
std::vector<uint64_t> cache_sizes(const ModelSummary& m) {
  uint64_t trained = m.context_length.value_or(4096);
  return trained > 8192 ? std::vector<uint64_t>{4096, trained} : std::vector<uint64_t>{trained};
}

std::string times(Bytes each, uint64_t count) {
  if (each != 0 && count > std::numeric_limits<Bytes>::max() / each) return "?";
  return format_bytes(each * count);
}

std::string cache_section(const ModelSummary& m) {
  Rows rows;
  std::vector<std::string> head = {"", "one token"};
  for (uint64_t tokens : cache_sizes(m)) head.push_back(std::format("{} tokens", format_count(tokens)));
  rows.push_back(std::move(head));
  for (TensorType type : {TensorType::f16, TensorType::q8_0, TensorType::f32}) {
    Bytes each = model::kv_bytes_per_token(m.layers, type);
    std::vector<std::string> row = {model::tensor_type_name(type), format_bytes(each)};
    for (uint64_t tokens : cache_sizes(m)) row.push_back(times(each, tokens));
    rows.push_back(std::move(row));
  }
  return align_columns(rows, "lrrr", 2);
}

std::string fit_text(const ModelSummary& m, const Fit& fits) {
  const std::string all =
      fits.streamed > 0 ? std::format("; all, if {} of them stream from the file", fits.streamed) : "";
  if (fits.layers == 0 && !fits.whole) return "not one layer" + all;
  std::string context =
      fits.context_tokens ? std::format(", context {} tokens", format_count(*fits.context_tokens)) : "";
  if (fits.whole) return std::format("the whole model{}", context);
  return std::format("{} of {} layers{}{}", fits.layers, m.layers.size(), context, all);
}

std::string fit_section(const Report& report) {
  Rows rows;
  for (const DeviceMemory& device : report.devices) {
    std::string id = device.id.empty() ? "" : std::format(" ({})", device.id);
    rows.push_back({printable(device.name) + id, format_bytes(device.free) + " free",
                    fit_text(report.summary, fit(report.summary, device.free))});
  }
  return align_columns(rows, "lrl", 2);
}

std::string metadata_section(const model::Gguf& file) {
  Rows rows;
  for (const model::MetaEntry& entry : file.metadata()) {
    rows.push_back(
        {printable(entry.key), std::visit([](const auto& value) { return value_text(value); }, entry.value)});
  }
  return align_columns(rows, "ll", 2);
}

std::string tensors_section(const model::Gguf& file) {
  Rows rows;
  for (const model::TensorInfo& tensor : file.tensors()) {
    std::string shape;
    for (uint32_t d = 0; d < tensor.n_dims; ++d) shape += (d > 0 ? " × " : "") + std::to_string(tensor.dims[d]);
    rows.push_back({printable(tensor.name), model::tensor_type_name(tensor.type), shape, format_bytes(tensor.bytes)});
  }
  return align_columns(rows, "llrr", 2);
}

std::string check_section(const CheckResult& check) {
  if (check.sound()) return "  all weights are finite, vocabulary and shapes agree\n";
  std::string out;
  for (const std::string& sentence : check.contradictions) out += std::format("  {}\n", sentence);
  for (const BadTensor& bad : check.bad_tensors) out += std::format("  {}\n", describe(bad));
  return out;
}

}  // namespace

std::string describe(const BadTensor& bad) {
  const model::TensorTypeInfo& type = *model::tensor_type_info(bad.tensor->type);
  bool blocks = type.block_elements > 1;
  uint64_t all = bad.tensor->elements() / type.block_elements;
  return std::format("tensor {}: {} of {} {} NaN or infinite, the first at index {}", printable(bad.tensor->name),
                     format_count(bad.values.count), format_count(all),
                     blocks ? "blocks have a scale that is" : "values are", format_count(bad.values.first));
}

std::string as_text(const Report& report) {
  const ModelSummary& m = report.summary;
  size_t parts = report.file.parts().size();
  std::string out = std::format("{}\n", m.name.empty() ? report.file.path().filename().string() : shortened(m.name));
  out += std::format("{}, GGUF version {}, {}{}\n", report.file.path().string(), report.file.version(),
                     format_bytes(report.file.file_bytes()), parts > 1 ? std::format(" in {} parts", parts) : "");
  auto section = [&](std::string_view title, const std::string& text) {
    if (!text.empty()) out += std::format("\n{}\n{}", title, text);
  };
  section("Model", model_section(report));
  section("Weights by type", types_section(m));
  section("Weights by place", places_section(m));
  if (m.kv_known) section("KV cache", cache_section(m));
  section("What fits here (estimated, KV cache in F16)", fit_section(report));
  if (report.list_metadata) section("Metadata", metadata_section(report.file));
  if (report.list_tensors) section("Tensors", tensors_section(report.file));
  if (report.check) section("Check", check_section(*report.check));
  return out;
}

}  // namespace exogpu::cli
