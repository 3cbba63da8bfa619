#include "engine/generator.h"

#include <gtest/gtest.h>

#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

using namespace testing;

struct Written {
  std::string text;
  GenerateStats stats;
};

class Writer : public ::testing::Test {
 protected:
  TinyFile file{"qwen3"};
  model::Tokenizer tokenizer = *model::Tokenizer::load(file.gguf());

  Written write(Generator& generator, std::span<const model::TokenId> prompt, const GenerateOptions& options,
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

TEST_F(Writer, TheSameSeedGivesTheSameTextOnEveryCut) {
  auto prompt = tokenizer.encode("Tell me a story about a");
  Chain whole = load_chain(file);
  Generator generator(whole, tokenizer);
  Written first = write(generator, prompt, seeded(7, 40));
  EXPECT_EQ(first.stats.answer_tokens, 40U);
  EXPECT_EQ(first.stats.reason, FinishReason::length);

  Chain cut = load_chain(file, {1});
  Generator other(cut, tokenizer);
  EXPECT_EQ(write(other, prompt, seeded(7, 40)).text, first.text);
  EXPECT_NE(write(other, prompt, seeded(8, 40)).text, first.text);
}

TEST_F(Writer, AConversationComputesOnlyWhatIsNew) {
  Chain chain = load_chain(file);
  Generator generator(chain, tokenizer);
  auto prompt = tokenizer.encode("One two three four five six seven");
  write(generator, prompt, seeded(1, 10));
  std::vector<model::TokenId> longer(generator.cached().begin(), generator.cached().end());
  size_t known = longer.size();
  for (model::TokenId token : tokenizer.encode(" and more")) longer.push_back(token);
  Written next = write(generator, longer, seeded(2, 10));
  EXPECT_EQ(next.stats.prompt_reused, known);

  Chain fresh_chain = load_chain(file);
  Generator fresh(fresh_chain, tokenizer);
  EXPECT_EQ(write(fresh, longer, seeded(2, 10)).text, next.text);
}

TEST_F(Writer, EndsWhereItIsTold) {
  Chain chain = load_chain(file, {}, {.context = 64});
  Generator generator(chain, tokenizer);
  auto prompt = tokenizer.encode("Hello");

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

TEST_F(Writer, RefusesWhatCannotBeAnswered) {
  Chain chain = load_chain(file, {}, {.context = 16});
  Generator generator(chain, tokenizer);
  auto ignore = [](std::string_view) {};
  EXPECT_EQ(generator.generate({}, {}, ignore).error().code, ErrorCode::invalid_argument);
  auto prompt = tokens_of(16, 300);
  EXPECT_EQ(generator.generate(prompt, {}, ignore).error().code, ErrorCode::resource_exhausted);
  GenerateOptions bad;
  bad.sampling.temperature = -1;
  EXPECT_EQ(generator.generate(std::span(prompt).first(2), bad, ignore).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(generator.generate(std::span(prompt).first(2), seeded(1, 2), ignore));
}

}  // namespace
}  // namespace exogpu::engine
