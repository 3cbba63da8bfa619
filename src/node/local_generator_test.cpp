#include "node/local_generator.h"

#include <gtest/gtest.h>

#include <cctype>

#include "engine/testing/tiny.h"

namespace exogpu::node {
namespace {

using engine::FinishReason;
using engine::GenerateOptions;
using engine::GenerateStats;
using engine::testing::load_chain;
using engine::testing::TinyFile;
using engine::testing::tokens_of;

struct Written {
  std::string text;
  GenerateStats stats;
};

class LocalGeneratorTest : public ::testing::Test {
 protected:
  TinyFile file{"qwen3"};
  std::unique_ptr<PromptEncoder> encoder = PromptEncoder::load(file.gguf()).value();

  LocalGenerator generator_of(std::vector<uint32_t> cuts = {}, engine::ShardOptions options = {}) {
    return {load_chain(file, std::move(cuts), std::move(options)), *encoder};
  }
  EncodedPrompt encode(std::string_view text) const { return {.tokens = encoder->tokenizer().encode(text)}; }

  Written write(LocalGenerator& generator, const EncodedPrompt& prompt, const GenerateOptions& options,
                const std::stop_token& cancel = {}) {
    Written w;
    auto stats = generator.generate(prompt, options, [&](std::string_view text) { w.text += text; }, cancel);
    EXPECT_TRUE(stats) << stats.error().message;
    if (stats) w.stats = *stats;
    return w;
  }

  static GenerateOptions seeded(uint64_t seed, uint32_t tokens) {
    GenerateOptions o;
    o.sampling.temperature = 5.0F;
    o.sampling.top_k = 0;
    o.sampling.top_p = 1.0F;
    o.sampling.min_p = 0.0F;
    o.sampling.seed = seed;
    o.tokens_max = tokens;
    o.ignore_end = true;
    return o;
  }
};

TEST_F(LocalGeneratorTest, TheSameSeedGivesTheSameTextOnEveryCut) {
  auto prompt = encode("Tell me a story about a");
  LocalGenerator generator = generator_of();
  Written first = write(generator, prompt, seeded(7, 40));
  EXPECT_EQ(first.stats.answer_tokens, 40U);
  EXPECT_EQ(first.stats.reason, FinishReason::length);

  LocalGenerator other = generator_of({1});
  EXPECT_EQ(write(other, prompt, seeded(7, 40)).text, first.text);
  EXPECT_NE(write(other, prompt, seeded(8, 40)).text, first.text);
}

TEST_F(LocalGeneratorTest, AnAnswerHasItsForm) {
  LocalGenerator generator = generator_of({1});
  for (uint64_t seed = 0; seed < 5; ++seed) {
    GenerateOptions options = seeded(seed, 300);
    options.ignore_end = false;
    options.sampling.logprobs = 2;
    options.sampling.constraint = {
        .kind = wire::ConstraintKind::json_schema,
        .text = R"({"type": "object", "properties": {"n": {"type": "integer", "minimum": 10, "maximum": 99}},
                    "required": ["n"], "additionalProperties": false})"};
    EncodedPrompt prompt = encode("A number?");
    ASSERT_TRUE(encoder->constrain(options, prompt));
    const Written w = write(generator, prompt, options);
    EXPECT_EQ(w.stats.reason, FinishReason::end_of_text) << w.text;
    std::string dense = w.text;
    std::erase_if(dense, [](unsigned char c) { return std::isspace(c) != 0; });
    ASSERT_EQ(dense.size(), 8U) << w.text;
    EXPECT_EQ(dense.substr(0, 5) + dense.back(), R"({"n":})") << w.text;
    EXPECT_TRUE(dense[5] >= '1' && dense[5] <= '9' && dense[6] >= '0' && dense[6] <= '9') << w.text;
  }
}

TEST_F(LocalGeneratorTest, AConversationComputesOnlyWhatIsNew) {
  LocalGenerator generator = generator_of();
  const EncodedPrompt prompt = encode("One two three four five six seven");
  write(generator, prompt, seeded(1, 10));
  EncodedPrompt longer = prompt;
  for (const model::TokenId token : encode(" and more").tokens) longer.tokens.push_back(token);
  const Written next = write(generator, longer, seeded(2, 10));
  EXPECT_EQ(next.stats.prompt_reused, prompt.tokens.size());

  LocalGenerator fresh = generator_of();
  EXPECT_EQ(write(fresh, longer, seeded(2, 10)).text, next.text);
}

TEST_F(LocalGeneratorTest, EndsAsTheOptionsRequire) {
  LocalGenerator generator = generator_of({}, {.context = 64});
  auto prompt = encode("Hello");

  Written full = write(generator, prompt, seeded(3, 0));
  EXPECT_EQ(full.stats.reason, FinishReason::context_full);
  EXPECT_EQ(full.stats.prompt_tokens + full.stats.answer_tokens, 65U);  // the last is chosen, but has no room to go on

  GenerateOptions stop = seeded(3, 0);
  std::string word = full.text.substr(full.text.size() / 2, 3);
  stop.stops = {word};
  Written stopped = write(generator, prompt, stop);
  EXPECT_EQ(stopped.stats.reason, FinishReason::stop_string);
  EXPECT_EQ(stopped.text, full.text.substr(0, full.text.find(word)));

  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(write(generator, prompt, seeded(3, 5), source.get_token()).stats.reason, FinishReason::cancelled);
}

TEST_F(LocalGeneratorTest, RefusesWhatCannotBeAnswered) {
  LocalGenerator generator = generator_of({}, {.context = 16});
  auto ignore = [](std::string_view) {};
  EXPECT_EQ(generator.generate({}, {}, ignore).error().code, ErrorCode::invalid_argument);
  const EncodedPrompt prompt{.tokens = tokens_of(16, 300)};
  const EncodedPrompt two{.tokens = tokens_of(2, 300)};
  EXPECT_EQ(generator.generate(prompt, {}, ignore).error().code, ErrorCode::resource_exhausted);
  GenerateOptions bad;
  bad.sampling.temperature = -1;
  EXPECT_EQ(generator.generate(two, bad, ignore).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(generator.generate(two, seeded(1, 2), ignore));
}

}  // namespace
}  // namespace exogpu::node
