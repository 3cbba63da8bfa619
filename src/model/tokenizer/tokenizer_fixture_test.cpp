// Checks real vocabularies, if available: the ids of known texts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "model/gguf.h"
#include "model/testing/fixtures.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::model {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// NAME.gguf is the vocabulary, NAME.gguf.inp the texts between lines of "__ggml_vocab_test__", NAME.gguf.out a line of
// ids for each. tools/llama_cpp_data/fetch.py fetches more of them.
std::vector<std::filesystem::path> vocabularies() {
  std::vector<std::filesystem::path> paths;
  const auto fixtures = testing::fixtures_dir();
  if (!fixtures || !std::filesystem::is_directory(*fixtures / "tokenizers")) return paths;
  for (const auto& entry : std::filesystem::directory_iterator(*fixtures / "tokenizers"))
    if (entry.path().extension() == ".gguf" && std::filesystem::exists(entry.path().string() + ".out"))
      paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

class Vocabulary : public ::testing::TestWithParam<std::filesystem::path> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Vocabulary);
INSTANTIATE_TEST_SUITE_P(Fixtures, Vocabulary, ::testing::ValuesIn(vocabularies()), [](const auto& test) {
  std::string name = test.param.stem();
  std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
  return name;
});

TEST_P(Vocabulary, GivesTheKnownIds) {
  const auto file = Gguf::open(GetParam());
  ASSERT_TRUE(file) << file.error().message;
  const auto tokenizer = Tokenizer::load(*file);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const bool lossless = file->get_string_or("tokenizer.ggml.model", "") != "bert";

  constexpr std::string_view kBetween = "\n__ggml_vocab_test__\n";
  const std::string texts = read_file(GetParam().string() + ".inp");
  std::istringstream lines(read_file(GetParam().string() + ".out"));
  std::string line;
  size_t cases = 0, begin = 0;
  while (std::getline(lines, line)) {
    ASSERT_NE(begin, texts.npos) << "more lines of ids than texts";
    const size_t end = texts.find(kBetween, begin);
    const std::string text = texts.substr(begin, end - begin);
    std::istringstream numbers(line);
    const std::vector<TokenId> want{std::istream_iterator<TokenId>(numbers), {}};
    const std::vector<TokenId> got = tokenizer->encode(text, {.add_special = false});
    EXPECT_EQ(got, want) << "text: " << text;
    if (lossless) {
      EXPECT_EQ(tokenizer->decode(got), text);
    }
    begin = end == texts.npos ? end : end + kBetween.size();
    ++cases;
  }
  EXPECT_GE(cases, 40U);
}

}  // namespace
}  // namespace exogpu::model
