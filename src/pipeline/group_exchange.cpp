#include "pipeline/group_exchange.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "pipeline/activation_codec.h"

namespace exogpu::pipeline {
namespace {

constexpr size_t kPartStep = 32;       // of quantised types, and two lines of a cache
constexpr size_t kWholeValues = 8192;  // up to here one round costs less than it saves in bytes

wire::Dtype type_for(wire::Dtype wanted, size_t values) {
  return wanted == wire::Dtype::q8_0 && values % kPartStep != 0 ? wire::Dtype::f16 : wanted;
}

size_t bytes_of(wire::Dtype type, size_t values) {
  return values == 0 ? 0 : wire::row_bytes(type, static_cast<uint32_t>(values)).value();
}

// One row, whatever the values are.
Result<void> encode(wire::Dtype type, std::span<const float> values, std::span<std::byte> out) {
  if (type != wire::Dtype::f32 && !values.empty())
    return encode_rows(type, values, static_cast<uint32_t>(values.size()), out);
  std::ranges::copy(std::as_bytes(values), out.begin());
  return {};
}

std::vector<uint32_t> head_columns(std::span<const engine::MemberCut> cuts) {
  std::vector<uint32_t> columns;
  for (const engine::MemberCut& cut : cuts) columns.push_back(static_cast<uint32_t>(cut.vocabulary.size()));
  return columns;
}

}  // namespace

GroupExchange::GroupExchange(std::shared_ptr<net::Mesh> mesh, wire::Dtype sums, std::vector<uint32_t> columns)
    : mesh_(std::move(mesh)), sums_(sums), columns_(std::move(columns)), to_(members()), from_(members()) {}

GroupExchange::GroupExchange(std::shared_ptr<net::Mesh> mesh, wire::Dtype sums, std::span<const engine::MemberCut> cuts)
    : GroupExchange(std::move(mesh), sums, head_columns(cuts)) {}

Result<void> GroupExchange::sum(std::span<float> values) {
  const wire::Dtype type = type_for(sums_, values.size());
  if (members() > 2 && values.size() > kWholeValues) return sum_by_parts(values, type);
  return sum_whole(values, type);
}

// Sends frames to the others, receives from them; both have their sizes.
Result<void> GroupExchange::exchange(bool own_frame_for_all) {
  outgoing_.clear();
  incoming_.clear();
  for (uint32_t rank = 0; rank < members(); ++rank) {
    if (rank == mesh_->rank()) continue;
    outgoing_.push_back({rank, to_[own_frame_for_all ? mesh_->rank() : rank].whole()});
    incoming_.push_back({rank, from_[rank].payload()});
  }
  return mesh_->transfer(outgoing_, incoming_);
}

// The values of a member's frame.
Result<void> GroupExchange::decode(uint32_t rank, wire::Dtype type, std::span<float> out) {
  const std::span<const std::byte> in = (rank == mesh_->rank() ? to_ : from_)[rank].payload();
  if (out.empty()) return {};
  if (decode_rows(type, in, static_cast<uint32_t>(out.size()), out)) return {};
  return fail(ErrorCode::corrupt, "member {} of the group computed values that are not finite", rank);
}

// The frames' values, in the order of the ranks.
Result<void> GroupExchange::add_all(std::span<float> sums, wire::Dtype type) {
  EXO_CHECK(decode(0, type, sums));
  decoded_.resize(sums.size());
  for (uint32_t rank = 1; rank < members(); ++rank) {
    EXO_CHECK(decode(rank, type, decoded_));
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += decoded_[i];
  }
  return {};
}

Result<void> GroupExchange::sum_whole(std::span<float> values, wire::Dtype type) {
  const size_t bytes = bytes_of(type, values.size());
  Frame& own = to_[mesh_->rank()];
  own.resize(bytes);
  EXO_CHECK(encode(type, values, own.payload()));
  for (Frame& frame : from_) frame.resize(bytes);
  EXO_CHECK(exchange(true));
  return add_all(values, type);
}

// Whole blocks, as many for each as for the others.
GroupExchange::Part GroupExchange::part_of(uint32_t rank, size_t values) const {
  const size_t blocks = (values + kPartStep - 1) / kPartStep;
  const auto edge = [&](uint32_t at) { return std::min(values, blocks * at / members() * kPartStep); };
  return {.begin = edge(rank), .end = edge(rank + 1)};
}

Result<void> GroupExchange::sum_by_parts(std::span<float> values, wire::Dtype type) {
  const uint32_t own = mesh_->rank();
  const std::span<float> mine = part_of(own, values.size()).of(values);
  for (uint32_t rank = 0; rank < members(); ++rank) {
    const std::span<const float> theirs = part_of(rank, values.size()).of(values);
    to_[rank].resize(bytes_of(type, theirs.size()));
    EXO_CHECK(encode(type, theirs, to_[rank].payload()));
    from_[rank].resize(bytes_of(type, mine.size()));
  }
  EXO_CHECK(exchange(false));
  EXO_CHECK(add_all(mine, type));

  EXO_CHECK(encode(type, mine, to_[own].payload()));
  for (uint32_t rank = 0; rank < members(); ++rank)
    from_[rank].resize(bytes_of(type, part_of(rank, values.size()).of(values).size()));
  EXO_CHECK(exchange(true));
  for (uint32_t rank = 0; rank < members(); ++rank)
    EXO_CHECK(decode(rank, type, part_of(rank, values.size()).of(values)));
  return {};
}

Result<void> GroupExchange::gather(std::span<const float> part, size_t rows, std::span<float> whole) {
  const uint32_t own = mesh_->rank();
  const wire::Dtype type = sums_ == wire::Dtype::f32 ? wire::Dtype::f32 : wire::Dtype::f16;
  outgoing_.clear();
  incoming_.clear();
  to_[own].resize(bytes_of(type, part.size()));
  EXO_CHECK(encode(type, part, to_[own].payload()));
  if (own != 0) {
    outgoing_.push_back({0, to_[own].whole()});
    return mesh_->transfer(outgoing_, incoming_);
  }
  const size_t width = std::accumulate(columns_.begin(), columns_.end(), size_t{0});
  if (whole.size() != rows * width || part.size() != rows * columns_[0])
    return fail(ErrorCode::internal, "members of a group have {} columns of {} values", width, whole.size());
  for (uint32_t rank = 1; rank < members(); ++rank) {
    from_[rank].resize(bytes_of(type, rows * columns_[rank]));
    incoming_.push_back({rank, from_[rank].payload()});
  }
  EXO_CHECK(mesh_->transfer(outgoing_, incoming_));
  size_t at = 0;
  for (uint32_t rank = 0; rank < members(); ++rank) {
    const size_t columns = columns_[rank];
    decoded_.resize(rows * columns);
    EXO_CHECK(decode(rank, type, decoded_));
    for (size_t row = 0; row < rows; ++row)
      std::ranges::copy(std::span(decoded_).subspan(row * columns, columns), whole.data() + row * width + at);
    at += columns;
  }
  return {};
}

}  // namespace exogpu::pipeline
