// The keys and values of a shard's layers, for a fixed number of sequences.
//
// Each sequence owns one slot of `context` rows; the token at position p is row p of its slot. So a row needs no search
// and no table, truncation is a change of length, and neighbouring slots can be attended to by one operation.
#pragma once

#include <ggml-cpp.h>

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "engine/families/architecture.h"
#include "wire/layer_range.h"
#include "wire/serving_settings.h"

namespace exogpu::engine {

ggml_type to_ggml(wire::KvType type);

class KvCache {
 public:
  // Plans the tensors of layers that attend; `context` tokens (rounded up to 256) for each of `slots` sequences.
  KvCache(const Architecture& a, wire::LayerRange layers, uint32_t context, uint32_t slots, wire::KvType type,
          ggml_backend_buffer_type_t home);

  Bytes bytes() const;
  void pretend_loaded(bool on);
  Result<void> load();

  uint32_t context() const { return context_; }  // rows in a slot
  // Makes the first `length` rows of `to` equal to those of `from`.
  void copy(uint32_t from, uint32_t to, uint32_t length) const;

  // Zeroes the rows [begin, end) of a slot.
  void clear(uint32_t slot, uint32_t begin, uint32_t end) const;

  // [width, context * slots]; `layer` counts from the shard's first. Null where the layer has none: no attention, or
  // values that are part of the keys. Layers that attend to another's have the same.
  ggml_tensor* keys(uint32_t layer) const { return keys_[layer]; }
  ggml_tensor* values(uint32_t layer) const { return values_[layer]; }

 private:
  ggml_context_ptr ctx_;
  ggml_backend_buffer_type_t home_;
  ggml_backend_buffer_ptr buffer_;
  uint32_t context_;
  std::vector<ggml_tensor*> keys_;
  std::vector<ggml_tensor*> values_;
  std::vector<ggml_tensor*> own_;  // each once
};

}  // namespace exogpu::engine
