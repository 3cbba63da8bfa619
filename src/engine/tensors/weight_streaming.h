// Layers that share places in memory by turns: the memory of the slots, and reading a layer into its slot.
#pragma once

#include <ggml-cpp.h>

#include <memory>
#include <optional>
#include <vector>

#include "engine/residency/residency.h"
#include "engine/tensors/weight_assembly.h"
#include "engine/tensors/weight_places.h"
#include "gpu/buffer.h"
#include "model/file_reader.h"

namespace exogpu::engine {

// What choose_residency() decides about: places of a plan in which all `n_layers` stream.
ResidencyQuestion residency_question(const WeightPlaces& places, uint32_t n_layers, Bytes budget);

// Allocates the slots, and gives each tensor of a layer that streams its place in the layer's slot for good, so graphs
// need not know. Errors: out_of_memory.
Result<std::vector<ggml_backend_buffer_ptr>> place_in_slots(const WeightPlaces& places, const Residency& residency);

// Reads layers into their slots, as the device holds them. One thread. Borrows the places and the device.
class LayerReader {
 public:
  // Errors: out_of_memory.
  static Result<std::unique_ptr<LayerReader>> create(const WeightPlaces& places, const gpu::Device& device,
                                                     model::ReadWay way);

  // The layer's tensors, in the order of the file. Errors: unavailable (the file was changed or cut short, or the disk
  // fails; names it), unsupported (a value that the device's type lacks).
  Result<void> read(uint32_t layer);

 private:
  LayerReader(const WeightPlaces& places, model::ReadWay way) : places_(&places), file_(places.file(), way) {}
  Result<void> fill(const Placed& p);
  Result<void> fill_in_steps(const Placed& p);
  Result<void> read_tensor(const model::TensorInfo& source, std::span<std::byte> out);

  const WeightPlaces* places_;
  model::FileReader file_;
  std::vector<std::vector<const Placed*>> layers_;
  Scratch scratch_;
  std::optional<gpu::HostBuffer> step_;  // of a device whose memory is not the host's
};

// Straight from the disk where the system's cache has no room for what streams, and would lose all else for it.
model::ReadWay way_for(Bytes streamed);

}  // namespace exogpu::engine
