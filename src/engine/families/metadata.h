// The metadata of a model under its architecture's prefix: "attention.head_count" means "qwen3.attention.head_count".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/gguf.h"

namespace exogpu::engine {

class Metadata {
 public:
  explicit Metadata(const model::Gguf& file, std::string architecture)
      : file_(&file), architecture_(std::move(architecture)) {}

  const model::Gguf& file() const { return *file_; }
  std::string key(std::string_view name) const { return architecture_ + "." + std::string(name); }
  bool has(std::string_view name) const { return file_->find(key(name)) != nullptr; }
  bool has_tensor(std::string_view name) const { return file_->find_tensor(name) != nullptr; }

  // A count from 1 to 2^24. Arrays are accepted where all elements agree.
  Result<uint32_t> count(std::string_view name) const;
  Result<uint32_t> count_or(std::string_view name, uint32_t fallback) const;  // 0 is accepted here
  // One for each of `n` layers: from an array of at least that many, or the same for all.
  Result<std::vector<uint32_t>> count_per_layer(std::string_view name, uint32_t n, uint32_t fallback) const;
  // A finite number.
  Result<float> number(std::string_view name) const;
  Result<float> number_or(std::string_view name, float fallback) const;
  Result<std::string> text_or(std::string_view name, std::string fallback) const;
  Result<bool> flag_or(std::string_view name, bool fallback) const;

  // Fails: the value makes no sense, or is not supported.
  std::unexpected<Error> corrupt(std::string_view name, std::string_view why) const;
  std::unexpected<Error> unsupported(std::string_view name, std::string_view why) const;

 private:
  const model::Gguf* file_;
  std::string architecture_;
};

}  // namespace exogpu::engine
