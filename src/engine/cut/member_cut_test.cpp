// The members of a group have everything of a model together, and no two the same part of a sum.
#include "engine/cut/member_cut.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "engine/testing/tiny.h"
#include "model/testing/gguf_writer.h"

namespace exogpu::engine {
namespace {

using model::IndexRange;
using model::TensorSlice;
using testing::TinyFile;

TEST(Divide, GivesAllUnitsAndEachMemberAtLeastOneAndItsShareWithinOne) {
  EXPECT_TRUE(rc::check([] {
    const auto shares = *rc::gen::suchThat(
        rc::gen::container<std::vector<double>>(rc::gen::map(rc::gen::inRange(1, 100), [](int x) { return x / 7.0; })),
        [](const auto& v) { return !v.empty() && v.size() <= 8; });
    const uint64_t units = *rc::gen::inRange<uint64_t>(shares.size(), 200);
    const auto counts = divide(units, shares);
    const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
    RC_ASSERT(std::accumulate(counts.begin(), counts.end(), uint64_t{0}) == units);
    RC_ASSERT(std::ranges::all_of(counts, [](uint64_t n) { return n >= 1; }));
    const bool all_have_one =
        std::ranges::all_of(shares, [&](double share) { return share / total * static_cast<double>(units) >= 1; });
    for (size_t i = 0; all_have_one && i < shares.size(); ++i)
      RC_ASSERT(std::abs(static_cast<double>(counts[i]) - shares[i] / total * static_cast<double>(units)) <= 1.0);
  }));
}

// How often each index of an axis belongs to a member.
std::vector<uint32_t> owners(uint64_t size, const std::vector<TensorSlice>& slices) {
  std::vector<uint32_t> times(size);
  for (const TensorSlice& slice : slices)
    for (const IndexRange& r : slice.ranges)
      for (uint64_t i = r.begin; i < r.end; ++i) ++times.at(i);
  return times;
}

bool is_kv(const std::string& name) { return name.contains("attn_k.") || name.contains("attn_v."); }

// Every tensor of the file is there for all, once for one, or divided.
void expect_complete(const model::Gguf& file, const Architecture& a, const std::vector<MemberCut>& cuts) {
  for (const model::TensorInfo& tensor : file.tensors()) {
    SCOPED_TRACE(tensor.name);
    std::vector<TensorSlice> slices;
    for (const MemberCut& cut : cuts) {
      auto slice = slice_of(file, tensor, a, cut);
      ASSERT_TRUE(slice) << slice.error().message;
      slices.push_back(*std::move(slice));
    }
    const auto are = [&](TensorSlice::Of of) {
      return std::ranges::all_of(slices, [&](const auto& s) { return s.of == of; });
    };
    if (are(TensorSlice::Of::whole)) continue;
    if (slices.front().is_whole()) {
      for (size_t i = 1; i < slices.size(); ++i) EXPECT_TRUE(slices[i].is_absent()) << "added once";
      continue;
    }
    ASSERT_TRUE(are(slices.front().of));
    const auto times = owners(tensor.dims[slices.front().of == TensorSlice::Of::columns ? 0 : 1], slices);
    EXPECT_TRUE(std::ranges::all_of(times, [&](uint32_t n) { return is_kv(tensor.name) ? n >= 1 : n == 1; }));
  }
}

class Dividable : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, Dividable,
                         ::testing::Values("llama", "llama-mha", "mixtral", "qwen2", "qwen3", "qwen3moe", "gemma2",
                                           "gemma3", "phi3", "gpt-oss", "cohere2", "granite"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_P(Dividable, TheMembersHaveEveryTensorTogether) {
  const TinyFile file(GetParam(), 1, {.matrices = tiny::MatrixType::q8_0, .layers = {}, .embedding_length = {}});
  const auto a = read_architecture(file.gguf());
  ASSERT_TRUE(a) << a.error().message;
  for (const std::vector<double>& shares : {std::vector{1.0}, {1.0, 1.0}, {3.0, 1.0}, {1.0, 1.0, 1.0, 1.0}}) {
    const auto cuts = cut_model(file.gguf(), *a, shares);
    ASSERT_TRUE(cuts) << cuts.error().message;
    expect_complete(file.gguf(), *a, *cuts);
    for (const MemberCut& cut : *cuts) {
      const Architecture own = member_architecture(*a, cut);
      for (const LayerSpec& l : own.layers) EXPECT_EQ(l.n_heads % l.n_kv_heads, 0U);
    }
  }
}

// A model of one layer, as the metadata and shapes of its tensors describe it; the data are not read.
std::vector<std::byte> one_layer(uint32_t heads, uint32_t kv_heads, uint32_t head_dim, uint32_t d_ff) {
  model::testing::GgufWriter w;
  const uint64_t d = 64;
  w.meta("general.architecture", std::string("llama"));
  w.meta("llama.block_count", uint32_t{1});
  w.meta("llama.embedding_length", static_cast<uint32_t>(d));
  w.meta("llama.context_length", uint32_t{64});
  w.meta("llama.attention.head_count", heads);
  w.meta("llama.attention.head_count_kv", kv_heads);
  w.meta("llama.attention.key_length", head_dim);
  w.meta("llama.attention.value_length", head_dim);
  w.meta("llama.feed_forward_length", d_ff);
  w.meta("llama.rope.dimension_count", head_dim);
  w.meta("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  const auto add = [&](const char* name, std::vector<uint64_t> dims) {
    w.zeros(name, model::TensorType::f16, std::move(dims));
  };
  add("token_embd.weight", {d, 256});
  add("blk.0.attn_q.weight", {d, uint64_t{heads} * head_dim});
  add("blk.0.attn_k.weight", {d, uint64_t{kv_heads} * head_dim});
  add("blk.0.attn_v.weight", {d, uint64_t{kv_heads} * head_dim});
  add("blk.0.attn_output.weight", {uint64_t{heads} * head_dim, d});
  add("blk.0.ffn_gate.weight", {d, d_ff});
  add("blk.0.ffn_up.weight", {d, d_ff});
  add("blk.0.ffn_down.weight", {d_ff, d});
  return w.bytes();
}

TEST(CutModel, AnyHeadsAndSharesAreDividedOrRefusedByName) {
  EXPECT_TRUE(rc::check([] {
    const uint32_t kv_heads = *rc::gen::inRange(1, 9);
    const uint32_t heads = kv_heads * *rc::gen::inRange(1, 9);
    const uint32_t d_ff = 32 * *rc::gen::inRange(1, 20);
    const auto bytes = one_layer(heads, kv_heads, 16, d_ff);
    const auto file = model::Gguf::parse(bytes, "one-layer.gguf");
    RC_ASSERT(file.has_value());
    const auto a = read_architecture(*file);
    RC_ASSERT(a.has_value());
    std::vector<double> shares(*rc::gen::inRange<size_t>(1, 9));
    for (double& share : shares) share = *rc::gen::inRange(1, 50);
    const auto cuts = cut_model(*file, *a, shares);
    if (!cuts) {
      RC_ASSERT(cuts.error().code == ErrorCode::unsupported);
      RC_ASSERT(cuts.error().message.contains("members at most"));
      RC_ASSERT(shares.size() > std::min<size_t>({kv_heads, d_ff / 32, 8}));
      return;
    }
    uint64_t next = 0;
    for (const MemberCut& cut : *cuts) {
      const LayerCut& own = cut.layers[0];
      RC_ASSERT(own.heads.begin == next && own.heads.size() > 0);
      next = own.heads.end;
      RC_ASSERT(own.heads.size() % own.kv_heads.size() == 0);
      const uint64_t group = heads / kv_heads;
      for (uint64_t h = own.heads.begin; h < own.heads.end; ++h)
        RC_ASSERT(own.kv_heads.begin + (h - own.heads.begin) / (own.heads.size() / own.kv_heads.size()) == h / group);
    }
    RC_ASSERT(next == heads);
  }));
}

TEST(CutModel, WhatCannotBeDividedIsNamed) {
  const std::map<std::string, std::string> refused = {{"deepseek2", "latent attention"},
                                                      {"qwen3next", "gated delta nets"},
                                                      {"nemotron_h", "Mamba-2"},
                                                      {"lfm2", "short convolutions"},
                                                      {"olmo2", "norms over all heads"},
                                                      {"gemma3n", "residual streams"},
                                                      {"bert", "embeddings"}};
  for (const auto& [family, reason] : refused) {
    const TinyFile file(family);
    const auto a = read_architecture(file.gguf());
    ASSERT_TRUE(a) << a.error().message;
    const auto cuts = cut_model(file.gguf(), *a, std::vector{1.0, 1.0});
    ASSERT_FALSE(cuts) << family;
    EXPECT_EQ(cuts.error().code, ErrorCode::unsupported);
    EXPECT_TRUE(cuts.error().message.contains(reason)) << cuts.error().message;
  }
}

TEST(CutModel, RefusesSharesThatAreNone) {
  const TinyFile file("llama");
  const auto a = read_architecture(file.gguf());
  ASSERT_TRUE(a);
  for (const std::vector<double>& shares :
       {std::vector<double>{}, {1.0, 0.0}, {1.0, -1.0}, {1.0, std::nan("")}, std::vector(kMembersMax + 1, 1.0)})
    EXPECT_FALSE(cut_model(file.gguf(), *a, shares));
}

}  // namespace
}  // namespace exogpu::engine
