// Recorded answers of another engine to tiny models of many families: whole, and cut wherever they can be cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/testing/tiny.h"
#include "model/testing/fixtures.h"

namespace exogpu::engine {
namespace {

using namespace testing;

struct RecordedModel {
  std::filesystem::path path;
  std::vector<float> values;
};

// Those with answers in a file of this ending.
std::vector<RecordedModel> recorded(std::string_view ending) {
  std::vector<RecordedModel> models;
  const auto fixtures = model::testing::fixtures_dir();
  if (!fixtures || !std::filesystem::is_directory(*fixtures / "logits2")) return models;
  for (const auto& entry : std::filesystem::directory_iterator(*fixtures / "logits2")) {
    const auto answers = std::filesystem::path(entry.path()).replace_extension(ending);
    if (entry.path().extension() != ".gguf" || !std::filesystem::exists(answers)) continue;
    RecordedModel m{.path = entry.path(), .values = {}};
    m.values.resize(std::filesystem::file_size(answers) / sizeof(float));
    std::ifstream in(answers, std::ios::binary);
    in.read(reinterpret_cast<char*>(m.values.data()), static_cast<std::streamsize>(m.values.size() * sizeof(float)));
    models.push_back(std::move(m));
  }
  std::ranges::sort(models, {}, &RecordedModel::path);
  return models;
}

// Products of a GPU may round their inputs to half precision. Beside the recorded logits of quantised models they are
// far off for being exact: those are of CPU kernels that round activations to 8 bits, and lie 0.02 to 0.08 from the
// logits of the same weights in F32.
double bound_of(const std::filesystem::path& path) {
  const bool quantised = path.string().contains("-Q");
  const bool rounded = quantised || path.stem() == "gpt-oss";
  if (std::getenv("EXOGPU_TEST_BACKEND") != nullptr) return rounded ? 0.1 : 1e-2;
  return quantised ? 1e-2 : 1e-3;
}

ShardOptions exact_options(uint32_t outputs) {
  ShardOptions o;
  o.kv_type = KvType::f32;
  o.outputs = outputs;
  o.context = 512;
  o.threads = 1;
  return o;
}

std::string name_of(const ::testing::TestParamInfo<RecordedModel>& test) {
  std::string name = test.param.path.stem().string();
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

class RecordedFamilies : public ::testing::TestWithParam<RecordedModel> {};
INSTANTIATE_TEST_SUITE_P(Families, RecordedFamilies, ::testing::ValuesIn(recorded(".logits.f32")), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RecordedFamilies);

TEST_P(RecordedFamilies, HasTheRecordedLogitsWholeAndInAnyCut) {
  const auto file = model::Gguf::open(GetParam().path);
  ASSERT_TRUE(file) << file.error().message;
  const auto a = read_architecture(*file);
  ASSERT_TRUE(a) << a.error().message;
  const auto n = static_cast<uint32_t>(GetParam().values.size() / a->n_vocab);
  auto whole = Chain::load(*file, {}, cpu(), exact_options(n));
  ASSERT_TRUE(whole) << whole.error().message;
  const std::vector<float> logits = feed(*whole, tokens_of(n, a->n_vocab), n);
  EXPECT_LT(relative_error(logits, GetParam().values), bound_of(GetParam().path));
  for (uint32_t cut = 1; cut < a->n_layers; ++cut) {
    auto chain = Chain::load(*file, {{cut}}, cpu(), exact_options(n));
    ASSERT_EQ(chain.has_value(), a->can_cut(cut)) << (chain ? "cut" : chain.error().message);
    if (!chain) continue;
    EXPECT_EQ(feed(*chain, tokens_of(n, a->n_vocab), n), logits) << "cut before layer " << cut;
  }
}

class RecordedEmbeddings : public ::testing::TestWithParam<RecordedModel> {};
INSTANTIATE_TEST_SUITE_P(Families, RecordedEmbeddings, ::testing::ValuesIn(recorded(".embd.f32")), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RecordedEmbeddings);

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

TEST_P(RecordedEmbeddings, AreThoseRecordedWholeAndInAnyCut) {
  constexpr uint32_t n = 48;
  const auto file = model::Gguf::open(GetParam().path);
  ASSERT_TRUE(file) << file.error().message;
  ShardOptions options = exact_options(1);
  options.embeddings = true;
  auto whole = Chain::load(*file, {}, cpu(), options);
  ASSERT_TRUE(whole) << whole.error().message;
  const auto tokens = tokens_of(n, whole->architecture().n_vocab);
  const std::vector<float> embedding = feed(*whole, tokens, 1);
  ASSERT_EQ(embedding.size(), GetParam().values.size());
  EXPECT_GT(cosine(embedding, GetParam().values), 0.9999);
  EXPECT_LT(relative_error(embedding, GetParam().values), bound_of(GetParam().path));
  for (uint32_t cut = 1; cut < whole->architecture().n_layers; ++cut) {
    auto chain = Chain::load(*file, {{cut}}, cpu(), options);
    ASSERT_TRUE(chain) << chain.error().message;
    EXPECT_EQ(feed(*chain, tokens, 1), embedding) << "cut before layer " << cut;
  }
}

}  // namespace
}  // namespace exogpu::engine
