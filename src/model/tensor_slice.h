// A part of a tensor: some of its rows, or some of its columns, as a member of a group has it that computes each layer
// together. Pure: positions and copies, no files.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "model/gguf.h"

namespace exogpu::model {

struct IndexRange {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t size() const { return end - begin; }
  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

// `whole`: all of it; `absent`: nothing. Else the elements (dims[0], the columns) or the rows (dims[1]) in `ranges`,
// which ascend, do not touch, and are not empty; they follow one another in the slice. In a tensor of several planes
// (dims[2], the experts) the slice has these rows or columns of each.
struct TensorSlice {
  enum class Of { whole, absent, columns, rows };
  Of of = Of::whole;
  std::vector<IndexRange> ranges{};

  bool is_whole() const { return of == Of::whole; }
  bool is_absent() const { return of == Of::absent; }
  uint64_t count() const;  // of columns or rows in all ranges
  friend bool operator==(const TensorSlice&, const TensorSlice&) = default;
};

// Whether the tensor has such a slice. Errors: invalid_argument, naming the tensor: ranges that are empty, out of order
// or outside of it, or columns that do not begin and end where blocks of its type do.
Result<void> check_slice(const TensorInfo& tensor, const TensorSlice& slice);

// Below, `slice` is one that check_slice() accepts, and not absent.

std::array<uint64_t, 4> slice_dims(const TensorInfo& tensor, const TensorSlice& slice);
Bytes slice_bytes(const TensorInfo& tensor, const TensorSlice& slice);

// A run of the tensor's bytes.
struct ByteRun {
  Bytes begin = 0;  // from the tensor's first byte
  Bytes bytes = 0;
  friend bool operator==(const ByteRun&, const ByteRun&) = default;
};

// The runs of bytes that make up the slice, in its order; two that follow one another do not touch.
void for_each_run(const TensorInfo& tensor, const TensorSlice& slice, const std::function<void(ByteRun)>& visit);

// The slice's bytes within those of the tensor where they are one run; else empty.
std::span<const std::byte> as_one_run(const TensorInfo& tensor, const TensorSlice& slice,
                                      std::span<const std::byte> tensor_bytes);

// Copies the slice. `out` has slice_bytes().
void copy_slice(const TensorInfo& tensor, const TensorSlice& slice, std::span<const std::byte> tensor_bytes,
                std::span<std::byte> out);

}  // namespace exogpu::model
