// Chooses the tensors of the file that a shard computes with, and the memory of each.
#pragma once

#include <ggml-cpp.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "engine/tensors/slicer.h"
#include "engine/tensors/weight_home.h"
#include "model/gguf.h"
#include "wire/layer_range.h"

namespace exogpu::engine {

// A tensor of the shard and the file's tensors whose bytes, one after another, fill it.
struct Placed {
  ggml_tensor* tensor = nullptr;
  std::vector<const model::TensorInfo*> sources;
  Bytes bytes() const { return ggml_nbytes(tensor); }
  // The device holds it in another type than the file.
  bool is_converted() const { return static_cast<ggml_type>(sources.front()->type) != tensor->type; }
};

// All tensors in one kind of memory: those that stay there, or those of one layer that streams. `type` null: used in
// the file's mapping.
struct Home {
  ggml_backend_buffer_type_t type = nullptr;
  std::optional<uint32_t> layer = {};  // that streams
  ggml_context_ptr ctx;
  std::vector<Placed> placed;
  std::vector<ggml_backend_buffer_ptr> buffers;
};

struct RequiredTensor {
  std::string name;
  std::array<int64_t, 3> shape = {1, 1, 1};
};

// Collects the tensors one by one; allocates nothing on the device. Borrows the file.
//
// With a slicer, a tensor of the shard is the slice of the file's, and has its shape. With a budget no tensor is used
// in the file's mapping but those of which only rows are looked up.
class WeightPlaces {
 public:
  WeightPlaces(const model::Gguf& file, WeightMemory home, size_t n_layers, Slicer slicer = {}, bool budgeted = false);

  const model::Gguf& file() const { return *file_; }
  const WeightMemory& home() const { return home_; }
  // For tensors that are added from now on.
  void set_aim(gpu::LayoutAim aim) { home_.set_aim(aim); }
  std::span<const std::unique_ptr<Home>> homes() const { return homes_; }

  // Null where the file has no such tensor.
  Result<ggml_tensor*> add_vector_if(const std::string& name, uint32_t n) {
    return has(name) ? add_vector(name, n) : Result<ggml_tensor*>(nullptr);
  }
  bool has(const std::string& name) const;
  bool is_sliced() const { return static_cast<bool>(slicer_); }
  bool is_budgeted() const { return budgeted_; }
  // Tensors that are added from now on are those of a layer that streams; or, without one, stay.
  void set_streamed(std::optional<uint32_t> layer) { streamed_ = layer; }
  // The width of a tensor that the metadata do not tell, dims[axis]; 0 where the file has no such tensor.
  // Errors: those of the slicer.
  Result<uint64_t> width_of(const std::string& name, size_t axis) const;
  // The shard's bytes of a tensor that find() gave, where they are one run in the file's mapping; else empty.
  std::span<const std::byte> as_one_run(const model::TensorInfo& info) const;
  Bytes bytes_of(const model::TensorInfo& info) const;
  void copy(const model::TensorInfo& info, std::span<std::byte> out) const;  // `out` has bytes_of()
  // The runs of the file's tensor that are the shard's bytes of it, in their order.
  void for_each_run(const model::TensorInfo& info, const std::function<void(model::ByteRun)>& visit) const;
  // Errors: corrupt (missing, or of another shape), unsupported (of a type that cannot be a weight).
  Result<const model::TensorInfo*> find(const RequiredTensor& required) const;
  // Assigns the tensor to the memory that is best for this use.
  // Errors: those of find() and held().
  Result<ggml_tensor*> add(const RequiredTensor& required, WeightUse use);
  Result<ggml_tensor*> add_vector(const std::string& name, uint32_t n) {
    return add({name, {n, 1, 1}}, WeightUse::vector);
  }
  // A tensor of this shape, held so (home null: in the file's mapping), filled by `sources` one after another, which
  // are converted where they are of another type. The same as before where there is one already.
  ggml_tensor* assign(const HeldWeight& held, std::vector<const model::TensorInfo*> sources,
                      const std::array<int64_t, 3>& shape);
  // How such a matrix or vector of the file is held. Errors: unsupported, where the device cannot compute with it, nor
  // with what it can be converted to.
  Result<HeldWeight> held(const model::TensorInfo& info, WeightUse use, const std::array<int64_t, 3>& shape) const;
  // The kind of memory that a tensor is assigned to; null where it stays in the file.
  ggml_backend_buffer_type_t layout_of(const ggml_tensor* tensor) const;
  bool is_packed(const ggml_tensor* tensor) const;
  // Whether the device holds it in another type than the file.
  bool is_converted(const ggml_tensor* tensor) const;

  // The file may have this tensor, and no shard computes with it.
  void ignore(const std::string& name) { used_.insert(file_->find_tensor(name)); }
  // Refuses tensors that the family does not know: ignoring one would silently give wrong answers.
  // Errors: unsupported, naming it.
  Result<void> check_all_used(wire::LayerRange layers) const;

 private:
  Result<model::TensorSlice> slice(const model::TensorInfo& info) const;
  Home& home_for(ggml_backend_buffer_type_t type);
  // Whether the bytes can be used in the mapping: the CPU's kernels require aligned tensors.
  bool mappable(const model::TensorInfo& info) const;

  const model::Gguf* file_;
  WeightMemory home_;
  size_t tensors_max_;
  std::vector<std::unique_ptr<Home>> homes_;
  Slicer slicer_;  // empty: all of each tensor
  bool budgeted_;
  std::optional<uint32_t> streamed_;
  std::set<const model::TensorInfo*> used_;
};

}  // namespace exogpu::engine
