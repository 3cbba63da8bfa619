// The slices that cut a tensor along one axis have each of its elements once, and are what they say.
#include "model/tensor_slice.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

namespace exogpu::model {
namespace {

using Of = TensorSlice::Of;

TensorInfo tensor_of(TensorType type, std::array<uint64_t, 4> dims) {
  const TensorTypeInfo* info = tensor_type_info(type);
  TensorInfo tensor{.name = "blk.0.ffn_down.weight", .type = type, .n_dims = 3, .dims = dims};
  tensor.bytes = tensor.elements() / info->block_elements * info->block_bytes;
  return tensor;
}

// A byte of a random tensor says where it was, as far as 8 bits can.
std::vector<std::byte> contents(const TensorInfo& tensor) {
  std::vector<std::byte> bytes(tensor.bytes);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 131 + i / 256);
  return bytes;
}

TensorInfo any_tensor() {
  const auto type = *rc::gen::element(TensorType::f32, TensorType::f16, TensorType::q8_0, TensorType::q4_k);
  const uint64_t block = tensor_type_info(type)->block_elements;
  const auto dim = [](uint64_t most) { return *rc::gen::inRange<uint64_t>(1, most + 1); };
  return tensor_of(type, {block * dim(6), dim(7), dim(4), 1});
}

// Cuts an axis of `size` into pieces for `members`, each of which gets some of them.
std::vector<TensorSlice> any_cut(Of of, uint64_t size, uint64_t step, size_t members) {
  std::vector<TensorSlice> slices(members, TensorSlice{.of = of, .ranges = {}});
  for (uint64_t at = 0; at < size; at += step) {
    auto& ranges = slices[*rc::gen::inRange<size_t>(0, members)].ranges;
    if (!ranges.empty() && ranges.back().end == at) {
      ranges.back().end = at + step;
    } else {
      ranges.push_back({at, at + step});
    }
  }
  std::erase_if(slices, [](const TensorSlice& s) { return s.ranges.empty(); });
  return slices;
}

TEST(TensorSlice, TheSlicesOfACutHaveEachByteOnce) {
  EXPECT_TRUE(rc::check([] {
    const TensorInfo tensor = any_tensor();
    const bool columns = *rc::gen::arbitrary<bool>();
    const uint64_t step = columns ? tensor_type_info(tensor.type)->block_elements : 1;
    const auto slices =
        any_cut(columns ? Of::columns : Of::rows, tensor.dims[columns ? 0 : 1], step, *rc::gen::inRange<size_t>(1, 5));
    std::vector<int> seen(tensor.bytes);
    Bytes total = 0;
    for (const TensorSlice& slice : slices) {
      RC_ASSERT(check_slice(tensor, slice).has_value());
      Bytes bytes = 0;
      for_each_run(tensor, slice, [&](ByteRun run) {
        bytes += run.bytes;
        for (Bytes i = 0; i < run.bytes; ++i) ++seen.at(run.begin + i);
      });
      RC_ASSERT(bytes == slice_bytes(tensor, slice));
      const auto dims = slice_dims(tensor, slice);
      RC_ASSERT(tensor_of(tensor.type, dims).bytes == bytes);
      total += bytes;
    }
    RC_ASSERT(total == tensor.bytes);
    RC_ASSERT(std::ranges::all_of(seen, [](int times) { return times == 1; }));
  }));
}

TEST(TensorSlice, ACopyIsTheRunsOneAfterAnother) {
  EXPECT_TRUE(rc::check([] {
    const TensorInfo tensor = any_tensor();
    const auto whole = contents(tensor);
    const auto slices = any_cut(Of::rows, tensor.dims[1], 1, 2);
    const TensorSlice& slice = slices[*rc::gen::inRange<size_t>(0, slices.size())];
    std::vector<std::byte> expected;
    for_each_run(tensor, slice, [&](ByteRun run) {
      const auto bytes = std::span(whole).subspan(run.begin, run.bytes);
      expected.insert(expected.end(), bytes.begin(), bytes.end());
    });
    std::vector<std::byte> copied(slice_bytes(tensor, slice));
    copy_slice(tensor, slice, whole, copied);
    RC_ASSERT(copied == expected);
    if (const auto run = as_one_run(tensor, slice, whole); !run.empty()) RC_ASSERT(std::ranges::equal(run, expected));
  }));
}

TEST(TensorSlice, RowsOfAMatrixAreOneRunAndItsColumnsAreNot) {
  const TensorInfo tensor = tensor_of(TensorType::f32, {4, 6, 1, 1});
  const auto whole = contents(tensor);
  const auto rows = as_one_run(tensor, {.of = Of::rows, .ranges = {{2, 5}}}, whole);
  EXPECT_EQ(rows.data(), whole.data() + 32);
  EXPECT_EQ(rows.size(), 48);
  EXPECT_TRUE(as_one_run(tensor, {.of = Of::columns, .ranges = {{0, 2}}}, whole).empty());
  const TensorInfo experts = tensor_of(TensorType::f32, {4, 6, 2, 1});
  EXPECT_TRUE(as_one_run(experts, {.of = Of::rows, .ranges = {{2, 5}}}, contents(experts)).empty());
}

TEST(TensorSlice, RefusesWhatIsNoPartOfTheTensor) {
  const TensorInfo tensor = tensor_of(TensorType::q8_0, {128, 4, 1, 1});
  EXPECT_TRUE(check_slice(tensor, {.of = Of::whole}));
  EXPECT_TRUE(check_slice(tensor, {.of = Of::columns, .ranges = {{0, 32}, {64, 128}}}));
  EXPECT_FALSE(check_slice(tensor, {.of = Of::columns, .ranges = {{0, 16}}})) << "half a block";
  EXPECT_FALSE(check_slice(tensor, {.of = Of::columns, .ranges = {{0, 32}, {32, 64}}})) << "one range in two";
  EXPECT_FALSE(check_slice(tensor, {.of = Of::rows, .ranges = {{2, 2}}}));
  EXPECT_FALSE(check_slice(tensor, {.of = Of::rows, .ranges = {{2, 3}, {0, 1}}}));
  EXPECT_FALSE(check_slice(tensor, {.of = Of::rows, .ranges = {{0, 5}}}));
  EXPECT_FALSE(check_slice(tensor, {.of = Of::rows, .ranges = {}}));
}

}  // namespace
}  // namespace exogpu::model
