// Checks real vocabularies, if available: the ids of known texts.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

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
// ids for each.
class Vocabulary : public ::testing::TestWithParam<const char*> {};

TEST_P(Vocabulary, GivesTheKnownIds) {
  const auto directory = testing::fixtures_dir();
  if (!directory) GTEST_SKIP() << "no fixtures; set EXOGPU_FIXTURES to their directory";
  const auto path = *directory / "tokenizers" / (std::string(GetParam()) + ".gguf");
  const auto file = Gguf::open(path);
  ASSERT_TRUE(file) << file.error().message;
  const auto tokenizer = Tokenizer::load(*file);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;

  constexpr std::string_view kBetween = "\n__ggml_vocab_test__\n";
  const std::string texts = read_file(path.string() + ".inp");
  std::istringstream lines(read_file(path.string() + ".out"));
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
    EXPECT_EQ(tokenizer->decode(got), text);
    begin = end == texts.npos ? end : end + kBetween.size();
    ++cases;
  }
  EXPECT_GE(cases, 40U);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Vocabulary, ::testing::Values("gpt-2", "deepseek-llm", "llama-spm", "phi-3"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace exogpu::model
