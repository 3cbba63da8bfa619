// A GGUF model file (versions 2 and 3), single or split, memory-mapped.
//
// Everything that open() accepts is safe to use: every tensor lies inside its file, has a known type, and its
// dimensions multiply without overflow. Data pages are read only through data(). A Gguf is immutable; any number of
// threads may use it. If a file changes while it is open, reads are safe but may return zeros or other bytes; check()
// detects that.
//
// Layout of one file, all little-endian; a string is its length (u64) and its bytes:
//   "GGUF", version u32, tensor count u64, metadata count u64
//   for each metadata entry: key string, value type u32, value (an array: element type u32, count u64, elements)
//   for each tensor: name string, n_dims u32, dims u64 × n_dims, type u32, offset u64 from the start of the data
//   padding to general.alignment (32 unless given), then the data; every tensor starts on a multiple of the alignment
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "model/mapped_file.h"
#include "model/tensor_type.h"

namespace exogpu::model {

// One metadata array. Numbers are widened: integers and bools to int64 (a u64 above INT64_MAX is an error), floats to
// double.
using MetaArray = std::variant<std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;
// One metadata value, widened likewise; bool stays bool.
using MetaValue = std::variant<bool, int64_t, double, std::string, MetaArray>;

struct MetaEntry {
  std::string key;
  MetaValue value;
};

struct TensorInfo {
  std::string name;
  TensorType type = TensorType::f32;
  uint32_t n_dims = 0;
  std::array<uint64_t, 4> dims = {1, 1, 1, 1};  // fastest first: dims[0] is the row length
  uint32_t part = 0;                            // file of a split model
  uint64_t offset = 0;                          // bytes from the start of that file
  Bytes bytes = 0;

  uint64_t elements() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
};

class Gguf {
 public:
  // Opens `path`; for NAME-00001-of-0000N.gguf also the other parts in its folder. `path` may be any part.
  // Errors: not_found, io_error, corrupt, unsupported; each names the file and the position in it. With
  // FileWrites::expected, tensors may be written while the file is open, but not headers.
  static Result<Gguf> open(const std::filesystem::path& path, FileWrites writes = FileWrites::refused);

  // Parses a file in memory, which must outlive the Gguf. `name` replaces the path in messages. A part of a split model
  // is unsupported here.
  static Result<Gguf> parse(std::span<const std::byte> bytes, std::string name);

  Gguf(Gguf&&) noexcept;
  Gguf& operator=(Gguf&&) noexcept;
  ~Gguf();

  const std::filesystem::path& path() const;             // as given to open()
  uint32_t version() const;                              // 2 or 3
  std::span<const std::filesystem::path> parts() const;  // one, or all parts of a split model in order
  Bytes file_bytes() const;                              // all parts together
  // The mapping of a whole part, including its header. Valid while this Gguf exists.
  std::span<const std::byte> part_bytes(uint32_t part) const;
  // Of the open file of a part, valid likewise; -1 where the bytes belong to the caller.
  int descriptor(uint32_t part) const;

  std::span<const MetaEntry> metadata() const;  // of the first part, in file order
  const MetaValue* find(std::string_view key) const;

  // Typed access. Errors: not_found (no such key), corrupt (another type). Both name file and key.
  Result<std::string> get_string(std::string_view key) const;
  Result<uint64_t> get_uint(std::string_view key) const;  // a negative value is `corrupt`
  Result<double> get_float(std::string_view key) const;   // integers convert
  Result<bool> get_bool(std::string_view key) const;
  // The same with `fallback` for a missing key; another type is still `corrupt`.
  Result<std::string> get_string_or(std::string_view key, std::string fallback) const;
  Result<uint64_t> get_uint_or(std::string_view key, uint64_t fallback) const;
  Result<double> get_float_or(std::string_view key, double fallback) const;
  Result<bool> get_bool_or(std::string_view key, bool fallback) const;
  // Arrays that this Gguf owns; null if the key is missing or has another element type.
  const std::vector<std::string>* strings(std::string_view key) const;
  const std::vector<int64_t>* ints(std::string_view key) const;
  const std::vector<double>* floats(std::string_view key) const;

  std::span<const TensorInfo> tensors() const;  // of all parts, in file order
  const TensorInfo* find_tensor(std::string_view name) const;

  // The tensor's bytes in the mapping. Valid while this Gguf exists.
  std::span<const std::byte> data(const TensorInfo& tensor) const;
  // Checks that the bytes read so far are those that the files had when they were opened; see MappedFile::check().
  // Errors: unavailable, naming the file, what happened to it and the remedy.
  Result<void> check() const;
  // Removes these pages from the process's memory, since they will not be read again soon.
  void release(const TensorInfo& tensor) const;

 private:
  struct Impl;
  explicit Gguf(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::model
