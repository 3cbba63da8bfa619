#include "model/tensor_slice.h"

#include <cstring>
#include <optional>

#include "base/assert.h"

namespace exogpu::model {
namespace {

// Elements that lie together: a slice can begin and end only between them.
uint64_t granularity(const TensorInfo& tensor, const TensorSlice& slice) {
  const TensorTypeInfo* type = tensor_type_info(tensor.type);
  return slice.of == TensorSlice::Of::columns && type != nullptr ? type->block_elements : 1;
}

Bytes row_bytes(const TensorInfo& tensor) {
  const uint64_t rows = tensor.dims[1] * tensor.dims[2] * tensor.dims[3];
  return rows == 0 ? 0 : tensor.bytes / rows;
}

// Joins runs that touch before it passes them on.
class Joiner {
 public:
  explicit Joiner(const std::function<void(ByteRun)>& visit) : visit_(&visit) {}
  void add(ByteRun run) {
    if (last_ && last_->begin + last_->bytes == run.begin) {
      last_->bytes += run.bytes;
      return;
    }
    flush();
    last_ = run;
  }
  void flush() {
    if (last_) (*visit_)(*last_);
    last_.reset();
  }

 private:
  const std::function<void(ByteRun)>* visit_;
  std::optional<ByteRun> last_;
};

}  // namespace

uint64_t TensorSlice::count() const {
  uint64_t total = 0;
  for (const IndexRange& range : ranges) total += range.size();
  return total;
}

Result<void> check_slice(const TensorInfo& tensor, const TensorSlice& slice) {
  if (slice.is_whole() || slice.is_absent()) return {};
  const bool columns = slice.of == TensorSlice::Of::columns;
  const uint64_t step = granularity(tensor, slice);
  const uint64_t size = tensor.dims[columns ? 0 : 1];
  const std::string_view what = columns ? "columns" : "rows";
  uint64_t end = 0;
  for (const IndexRange& range : slice.ranges) {
    const bool apart = &range == slice.ranges.data() || range.begin > end;
    if (range.begin >= range.end || range.end > size || !apart)
      return fail(ErrorCode::invalid_argument, "tensor {}: {} {} to {} are no part of its {}", tensor.name, what,
                  range.begin, range.end, size);
    if (range.begin % step != 0 || range.end % step != 0)
      return fail(ErrorCode::invalid_argument, "tensor {}: columns {} to {} cut through blocks of {} ({})", tensor.name,
                  range.begin, range.end, step, tensor_type_name(tensor.type));
    end = range.end;
  }
  if (slice.ranges.empty())
    return fail(ErrorCode::invalid_argument, "tensor {}: a slice without {}", tensor.name, what);
  return {};
}

std::array<uint64_t, 4> slice_dims(const TensorInfo& tensor, const TensorSlice& slice) {
  std::array<uint64_t, 4> dims = tensor.dims;
  if (slice.of == TensorSlice::Of::columns) dims[0] = slice.count();
  if (slice.of == TensorSlice::Of::rows) dims[1] = slice.count();
  return dims;
}

Bytes slice_bytes(const TensorInfo& tensor, const TensorSlice& slice) {
  if (slice.is_whole()) return tensor.bytes;
  const bool columns = slice.of == TensorSlice::Of::columns;
  return tensor.bytes * slice.count() / tensor.dims[columns ? 0 : 1];
}

void for_each_run(const TensorInfo& tensor, const TensorSlice& slice, const std::function<void(ByteRun)>& visit) {
  Joiner joiner(visit);
  if (slice.is_whole()) {
    joiner.add({.begin = 0, .bytes = tensor.bytes});
    return joiner.flush();
  }
  const Bytes row = row_bytes(tensor);
  if (slice.of == TensorSlice::Of::columns) {
    for (Bytes at = 0; at < tensor.bytes; at += row)
      for (const IndexRange& r : slice.ranges)
        joiner.add({.begin = at + row * r.begin / tensor.dims[0], .bytes = row * r.size() / tensor.dims[0]});
  } else {
    const Bytes plane = row * tensor.dims[1];
    for (Bytes at = 0; at < tensor.bytes; at += plane)
      for (const IndexRange& r : slice.ranges) joiner.add({.begin = at + row * r.begin, .bytes = row * r.size()});
  }
  joiner.flush();
}

std::span<const std::byte> as_one_run(const TensorInfo& tensor, const TensorSlice& slice,
                                      std::span<const std::byte> tensor_bytes) {
  if (slice.is_whole()) return tensor_bytes;
  const uint64_t rows = tensor.dims[1] * tensor.dims[2] * tensor.dims[3];
  const bool columns = slice.of == TensorSlice::Of::columns;
  const bool single = columns ? rows == 1 : tensor.dims[2] * tensor.dims[3] == 1;
  if (!single || slice.ranges.size() != 1) return {};
  const uint64_t size = tensor.dims[columns ? 0 : 1];
  return tensor_bytes.subspan(tensor.bytes * slice.ranges[0].begin / size, slice_bytes(tensor, slice));
}

void copy_slice(const TensorInfo& tensor, const TensorSlice& slice, std::span<const std::byte> tensor_bytes,
                std::span<std::byte> out) {
  EXO_ASSERT(out.size() == slice_bytes(tensor, slice), "a slice is copied to memory of its size");
  for_each_run(tensor, slice, [&](ByteRun run) {
    std::memcpy(out.data(), tensor_bytes.data() + run.begin, run.bytes);
    out = out.subspan(run.bytes);
  });
}

}  // namespace exogpu::model
