#include "model/consistency.h"

#include <array>
#include <format>
#include <optional>

#include "base/utf8.h"
#include "model/summary.h"

namespace exogpu::model {
namespace {

struct Checker {
  const Gguf& file;
  std::string architecture = file.get_string_or("general.architecture", "").value_or("");
  std::vector<std::string> found = {};

  template <typename... Args>
  void report(std::format_string<Args...> text, Args&&... args) {
    found.push_back(std::format(text, std::forward<Args>(args)...));
  }

  std::optional<uint64_t> number(std::string_view key) const {
    auto value = file.get_uint(key);
    return value ? std::optional(*value) : std::nullopt;
  }
  std::optional<uint64_t> arch_number(std::string_view key) const {
    return number(std::format("{}.{}", architecture, key));
  }

  // Compares the lengths of arrays with one entry per token.
  template <typename Values>
  void same_length(std::string_view key, const Values* values, uint64_t tokens) {
    if (values && values->size() != tokens) {
      report("metadata {} has {} entries, but the vocabulary has {} tokens", key, format_count(values->size()),
             format_count(tokens));
    }
  }

  void rows_match(std::string_view tensor_name, uint64_t tokens) {
    const TensorInfo* tensor = file.find_tensor(tensor_name);
    if (tensor && tensor->dims[1] != tokens) {
      report("tensor {} has {} rows, but the vocabulary has {} tokens", tensor_name, format_count(tensor->dims[1]),
             format_count(tokens));
    }
  }

  void vocabulary() {
    const auto* tokens = file.strings("tokenizer.ggml.tokens");
    auto size = tokens ? std::optional<uint64_t>(tokens->size()) : arch_number("vocab_size");
    if (!size) return;
    rows_match("token_embd.weight", *size);
    rows_match("output.weight", *size);
    if (auto said = arch_number("vocab_size"); said && *said != *size) {
      report("metadata {}.vocab_size is {}, but the vocabulary has {} tokens", architecture, format_count(*said),
             format_count(*size));
    }
    same_length("tokenizer.ggml.scores", file.floats("tokenizer.ggml.scores"), *size);
    same_length("tokenizer.ggml.token_type", file.ints("tokenizer.ggml.token_type"), *size);
    for (std::string_view kind : {"bos", "eos", "eot", "eom", "unknown", "padding", "separator", "mask"}) {
      std::string key = std::format("tokenizer.ggml.{}_token_id", kind);
      if (auto id = number(key); id && *id >= *size) {
        report("metadata {} is {}, but the vocabulary has {} tokens", key, *id, format_count(*size));
      }
    }
  }

  void embedding_width() {
    const TensorInfo* embedding = file.find_tensor("token_embd.weight");
    auto width = arch_number("embedding_length");
    if (embedding && width && embedding->dims[0] != *width) {
      report("tensor token_embd.weight is {} wide, but metadata {}.embedding_length is {}",
             format_count(embedding->dims[0]), architecture, format_count(*width));
    }
  }

  void layers() {
    auto said = arch_number("block_count");
    ModelSummary summary = summarize(file);
    if (!said || summary.parameters == 0) return;
    if (*said != summary.layers.size()) {
      report("metadata {}.block_count is {}, but there are weights of {} layers", architecture, format_count(*said),
             format_count(summary.layers.size()));
    }
    for (size_t i = 0; i < summary.layers.size(); ++i) {
      if (summary.layers[i].weight_bytes == 0) report("layer {} has no tensors", i);
      if (found.size() > 20) return;
    }
  }
};

}  // namespace

std::vector<std::string> contradictions(const Gguf& file) {
  Checker checker{.file = file};
  checker.vocabulary();
  checker.embedding_width();
  checker.layers();
  return std::move(checker.found);
}

}  // namespace exogpu::model
