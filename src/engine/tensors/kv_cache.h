// The keys and values of a shard's layers: rows that the shard's sequences share.
//
// Each sequence has a region of neighbouring rows; the token at position p is row p of its region. So a row needs no
// search and no table, truncation is a change of length, and neighbouring regions can be attended to by one operation.
#pragma once

#include <ggml-cpp.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "engine/families/architecture.h"
#include "engine/tensors/row_moves.h"
#include "wire/layer_range.h"
#include "wire/serving_settings.h"

namespace exogpu::engine {

ggml_type to_ggml(wire::KvType type);

class KvCache {
 public:
  // Plans the tensors of layers that attend.
  KvCache(const Architecture& a, wire::LayerRange layers, uint64_t rows, wire::KvType type,
          ggml_backend_buffer_type_t home);

  Bytes bytes() const;
  void pretend_loaded(bool on);
  Result<void> load();

  uint64_t rows() const { return rows_; }
  // The rows may overlap: those at the destination become what those at the source were.
  void copy(const RowMove& move) const;
  // The contents of `count` rows, to put them elsewhere later.
  std::vector<std::byte> read(uint64_t begin, uint64_t count) const;
  void write(uint64_t begin, uint64_t count, std::span<const std::byte> contents) const;
  // Zeroes the rows [begin, end).
  void clear(uint64_t begin, uint64_t end) const;
  // Zeroes what makes up whole pages of the rows [begin, end), and gives these pages back to the system. Returns their
  // bytes: 0 on a device with memory of its own.
  Bytes release(uint64_t begin, uint64_t end) const;

  // [width, rows]; `layer` counts from the shard's first. Null where the layer has none: no attention, or
  // values that are part of the keys. Layers that attend to another's have the same.
  ggml_tensor* keys(uint32_t layer) const { return keys_[layer]; }
  ggml_tensor* values(uint32_t layer) const { return values_[layer]; }

 private:
  ggml_context_ptr ctx_;
  ggml_backend_buffer_type_t home_;
  ggml_backend_buffer_ptr buffer_;
  uint64_t rows_;
  std::vector<ggml_tensor*> keys_;
  std::vector<ggml_tensor*> values_;
  std::vector<ggml_tensor*> own_;  // each once
};

}  // namespace exogpu::engine
