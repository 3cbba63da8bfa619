// Makes small GGUF files for tests, valid ones and damaged ones. It checks nothing.
//
//   GgufWriter w;
//   w.meta("general.architecture", "llama").meta("llama.block_count", 2u);
//   w.array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"});
//   w.tensor("token_embd.weight", TensorType::f32, {4, 2}, GgufWriter::floats({0, 1, 2, 3, 4, 5, 6, 7}));
//   w.write(path);            or  std::vector<std::byte> bytes = w.bytes();
//
// The width of a number is that of its C++ type: 2u is written as u32, int64_t{2} as i64, 2.0f as f32.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/tensor_type.h"

namespace exogpu::model::testing {

template <typename T>
concept GgufNumber = std::integral<T> || std::floating_point<T>;

// The id of a metadata value type in a file.
template <typename T>
constexpr uint32_t gguf_type_id() {
  if constexpr (std::is_same_v<T, bool>) return 7;
  if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? 6 : 12;
  if constexpr (sizeof(T) == 1) return std::is_signed_v<T> ? 1 : 0;
  if constexpr (sizeof(T) == 2) return std::is_signed_v<T> ? 3 : 2;
  if constexpr (sizeof(T) == 4) return std::is_signed_v<T> ? 5 : 4;
  return std::is_signed_v<T> ? 11 : 10;
}

class GgufWriter {
 public:
  static constexpr uint32_t kStringType = 8;
  static constexpr uint32_t kArrayType = 9;

  // All fields of a tensor's entry. Without `offset`, the data follows the previous tensor's.
  struct Tensor {
    std::string name;
    std::vector<uint64_t> dims;
    uint32_t type = 0;
    std::vector<std::byte> data;
    std::optional<uint64_t> offset = {};
    std::optional<uint32_t> n_dims = {};  // default: dims.size()
  };

  explicit GgufWriter(uint32_t version = 3) : version_(version) {}

  GgufWriter& meta(std::string_view key, std::string_view value) {
    entry(key, kStringType);
    put_string(metadata_, value);
    return *this;
  }
  GgufWriter& meta(std::string_view key, const char* value) { return meta(key, std::string_view(value)); }
  template <GgufNumber T>
  GgufWriter& meta(std::string_view key, T value) {
    entry(key, gguf_type_id<T>());
    put(metadata_, value);
    return *this;
  }

  GgufWriter& array(std::string_view key, const std::vector<std::string>& values) {
    array_head(key, kStringType, values.size());
    for (const std::string& value : values) put_string(metadata_, value);
    return *this;
  }
  template <GgufNumber T>
  GgufWriter& array(std::string_view key, const std::vector<T>& values) {
    array_head(key, gguf_type_id<T>(), values.size());
    for (T value : values) put(metadata_, value);
    return *this;
  }

  // An entry with any type id and any bytes.
  GgufWriter& raw_meta(std::string_view key, uint32_t type, std::span<const std::byte> value) {
    entry(key, type);
    metadata_.insert(metadata_.end(), value.begin(), value.end());
    return *this;
  }
  // The head of an array without elements.
  GgufWriter& array_head(std::string_view key, uint32_t element_type, uint64_t count) {
    entry(key, kArrayType);
    put(metadata_, element_type);
    put(metadata_, count);
    return *this;
  }

  GgufWriter& tensor(std::string_view name, TensorType type, std::vector<uint64_t> dims, std::vector<std::byte> data) {
    return tensor({.name = std::string(name),
                   .dims = std::move(dims),
                   .type = static_cast<uint32_t>(type),
                   .data = std::move(data)});
  }
  // A tensor of zeros, as large as its type and dimensions require.
  GgufWriter& zeros(std::string_view name, TensorType type, std::vector<uint64_t> dims) {
    const TensorTypeInfo* info = tensor_type_info(type);
    uint64_t elements = 1;
    for (uint64_t size : dims) elements *= size;
    return tensor(name, type, std::move(dims),
                  std::vector<std::byte>(elements / info->block_elements * info->block_bytes));
  }
  GgufWriter& tensor(Tensor tensor) {
    tensors_.push_back(std::move(tensor));
    return *this;
  }

  // Also writes general.alignment.
  GgufWriter& alignment(uint32_t bytes) {
    alignment_ = bytes;
    return meta("general.alignment", bytes);
  }
  // Overrides the count in the header.
  GgufWriter& claim_tensors(uint64_t count) {
    claimed_tensors_ = count;
    return *this;
  }
  GgufWriter& claim_metadata(uint64_t count) {
    claimed_metadata_ = count;
    return *this;
  }

  std::vector<std::byte> bytes() const {
    std::vector<std::byte> out;
    for (char c : {'G', 'G', 'U', 'F'}) put(out, c);
    put(out, version_);
    put(out, claimed_tensors_.value_or(tensors_.size()));
    put(out, claimed_metadata_.value_or(n_metadata_));
    out.insert(out.end(), metadata_.begin(), metadata_.end());
    std::vector<std::byte> data;
    for (const Tensor& tensor : tensors_) {
      put_string(out, tensor.name);
      put(out, tensor.n_dims.value_or(static_cast<uint32_t>(tensor.dims.size())));
      for (uint64_t size : tensor.dims) put(out, size);
      put(out, tensor.type);
      put(out, tensor.offset.value_or(data.size()));
      data.insert(data.end(), tensor.data.begin(), tensor.data.end());
      data.resize((data.size() + alignment_ - 1) / alignment_ * alignment_);
    }
    out.resize((out.size() + alignment_ - 1) / alignment_ * alignment_);
    out.insert(out.end(), data.begin(), data.end());
    return out;
  }

  // False if the file could not be written.
  bool write(const std::filesystem::path& path) const { return write_file(path, bytes()); }

  static bool write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return file.flush().good();
  }

  // The bytes of these numbers, for tensor().
  static std::vector<std::byte> floats(std::initializer_list<float> values) {
    return as_bytes(std::span(values.begin(), values.size()));
  }
  template <typename T>
  static std::vector<std::byte> as_bytes(std::span<const T> values) {
    auto bytes = std::as_bytes(values);
    return {bytes.begin(), bytes.end()};
  }

 private:
  template <typename T>
  static void put(std::vector<std::byte>& out, T value) {
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), &value, sizeof(T));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  static void put_string(std::vector<std::byte>& out, std::string_view text) {
    put(out, static_cast<uint64_t>(text.size()));
    for (char c : text) put(out, c);
  }
  void entry(std::string_view key, uint32_t type) {
    put_string(metadata_, key);
    put(metadata_, type);
    ++n_metadata_;
  }

  uint32_t version_;
  uint64_t alignment_ = 32;
  uint64_t n_metadata_ = 0;
  std::optional<uint64_t> claimed_tensors_, claimed_metadata_;
  std::vector<std::byte> metadata_;
  std::vector<Tensor> tensors_;
};

}  // namespace exogpu::model::testing
