#include "engine/tensors/weight_assembly.h"

#include <algorithm>

#include "gpu/layouts/conversion.h"

namespace exogpu::engine {
namespace {

// Of the file's tensor, as the device holds it.
Bytes held_bytes(const WeightPlaces& places, const Placed& p, const model::TensorInfo& source) {
  const Bytes bytes = places.bytes_of(source);
  if (!p.is_converted()) return bytes;
  const int64_t row = p.tensor->ne[0];
  return bytes / ggml_row_size(static_cast<ggml_type>(source.type), row) * ggml_row_size(p.tensor->type, row);
}

// The bytes of the file's tensor as the device holds them, at `out`.
Result<void> assemble_one(const WeightPlaces& places, const Placed& p, const model::TensorInfo& source,
                          const ReadTensor& read, std::span<std::byte> out, std::vector<std::byte>& bytes) {
  if (!p.is_converted()) return read(source, out);
  bytes.resize(places.bytes_of(source));
  EXO_CHECK(read(source, bytes));
  auto converted = gpu::convert_rows(static_cast<ggml_type>(source.type), bytes, p.tensor->type, out,
                                     static_cast<size_t>(p.tensor->ne[0]));
  if (converted) return {};
  return fail(converted.error().code,
              "{}: tensor {} is of type {}, which this device cannot compute with, and {}; run it on the CPU "
              "(--device cpu) or use a file in another quantisation",
              places.file().path().string(), source.name, ggml_type_name(static_cast<ggml_type>(source.type)),
              converted.error().message);
}

}  // namespace

Result<std::span<const std::byte>> assemble(const WeightPlaces& places, const Placed& p, const ReadTensor& read,
                                            Scratch& scratch) {
  scratch.whole.resize(p.bytes());
  std::span<std::byte> rest = scratch.whole;
  for (const model::TensorInfo* source : p.sources) {
    const Bytes size = held_bytes(places, p, *source);
    EXO_CHECK(assemble_one(places, p, *source, read, rest.first(size), scratch.source));
    rest = rest.subspan(size);
  }
  return std::span<const std::byte>(scratch.whole);
}

Bytes scratch_bytes(const WeightPlaces& places, const Placed& p) {
  Bytes largest = 0;
  for (const model::TensorInfo* source : p.sources) largest = std::max(largest, places.bytes_of(*source));
  return p.bytes() + (p.is_converted() ? largest : 0);
}

}  // namespace exogpu::engine
