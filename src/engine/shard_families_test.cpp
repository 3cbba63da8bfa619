// Recorded answers of another engine to tiny models of many families: whole, and cut wherever they can be cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/testing/tiny.h"
#include "model/testing/fixtures.h"

namespace exogpu::engine {
namespace {

using namespace testing;

struct RecordedModel {
  std::filesystem::path path;
  std::vector<float> logits;
};

std::vector<RecordedModel> recorded_models() {
  std::vector<RecordedModel> models;
  const auto fixtures = model::testing::fixtures_dir();
  if (!fixtures || !std::filesystem::is_directory(*fixtures / "logits2")) return models;
  for (const auto& entry : std::filesystem::directory_iterator(*fixtures / "logits2")) {
    const auto answers = std::filesystem::path(entry.path()).replace_extension(".logits.f32");
    if (entry.path().extension() != ".gguf" || !std::filesystem::exists(answers)) continue;
    RecordedModel m{.path = entry.path(), .logits = {}};
    m.logits.resize(std::filesystem::file_size(answers) / sizeof(float));
    std::ifstream in(answers, std::ios::binary);
    in.read(reinterpret_cast<char*>(m.logits.data()), static_cast<std::streamsize>(m.logits.size() * sizeof(float)));
    models.push_back(std::move(m));
  }
  std::ranges::sort(models, {}, &RecordedModel::path);
  return models;
}

double bound_of(const std::filesystem::path& path) { return path.string().contains("-Q") ? 1e-2 : 1e-3; }

ShardOptions exact_options(uint32_t outputs) {
  ShardOptions o;
  o.kv_type = KvType::f32;
  o.outputs = outputs;
  o.context = 512;
  o.threads = 2;
  return o;
}

class RecordedFamilies : public ::testing::TestWithParam<RecordedModel> {};
INSTANTIATE_TEST_SUITE_P(Families, RecordedFamilies, ::testing::ValuesIn(recorded_models()), [](const auto& test) {
  std::string name = test.param.path.stem().string();
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RecordedFamilies);

TEST_P(RecordedFamilies, HasTheRecordedLogitsWholeAndInAnyCut) {
  const auto file = model::Gguf::open(GetParam().path);
  ASSERT_TRUE(file) << file.error().message;
  const auto a = read_architecture(*file);
  ASSERT_TRUE(a) << a.error().message;
  const auto n = static_cast<uint32_t>(GetParam().logits.size() / a->n_vocab);
  auto whole = Chain::load(*file, {}, cpu(), exact_options(n));
  ASSERT_TRUE(whole) << whole.error().message;
  const std::vector<float> logits = feed(*whole, tokens_of(n, a->n_vocab), n);
  EXPECT_LT(relative_error(logits, GetParam().logits), bound_of(GetParam().path));
  for (uint32_t cut = 1; cut < a->n_layers; ++cut) {
    auto chain = Chain::load(*file, {{cut}}, cpu(), exact_options(n));
    ASSERT_EQ(chain.has_value(), a->can_cut(cut)) << (chain ? "cut" : chain.error().message);
    if (!chain) continue;
    EXPECT_EQ(feed(*chain, tokens_of(n, a->n_vocab), n), logits) << "cut before layer " << cut;
  }
}

}  // namespace
}  // namespace exogpu::engine
