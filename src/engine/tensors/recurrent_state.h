// The states of a shard's recurrent layers: for each sequence the present one, and some of earlier positions.
//
// A state is a fixed number of values whatever the sequence's length, and a step overwrites it. So a sequence can go
// back only to a position whose state was kept; see sequence_states.h.
#pragma once

#include <ggml-cpp.h>

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "engine/families/architecture.h"
#include "wire/layer_range.h"

namespace exogpu::engine {

class RecurrentState {
 public:
  // Plans `rows` states of each recurrent layer; the first are those of the sequences' slots.
  RecurrentState(const Architecture& a, wire::LayerRange layers, uint32_t rows, ggml_backend_buffer_type_t home);

  bool empty() const { return own_.empty(); }
  Bytes bytes() const;
  void pretend_loaded(bool on);
  Result<void> load();

  void copy(uint32_t from, uint32_t to) const;
  void clear(uint32_t row) const;

  // [elements, rows] f32; null where the layer has none. `layer` counts from the shard's first.
  ggml_tensor* inputs(uint32_t layer) const { return inputs_[layer]; }  // the last inputs of a convolution
  ggml_tensor* sums(uint32_t layer) const { return sums_[layer]; }      // what a delta net or Mamba-2 sums up

 private:
  ggml_context_ptr ctx_;
  ggml_backend_buffer_type_t home_;
  ggml_backend_buffer_ptr buffer_;
  std::vector<ggml_tensor*> inputs_;
  std::vector<ggml_tensor*> sums_;
  std::vector<ggml_tensor*> own_;
};

}  // namespace exogpu::engine
