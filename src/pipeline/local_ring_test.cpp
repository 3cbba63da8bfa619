#include "pipeline/local_ring.h"

#include <gtest/gtest.h>

#include "pipeline/shard_compute.h"
#include "pipeline/testing/ring_requests.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

class LocalRingTest : public ::testing::Test {
 protected:
  LocalRing ring(const std::vector<uint32_t>& cuts = {}, const engine::LoadVocabulary& vocabulary = {}) {
    std::vector<std::unique_ptr<Compute>> computes;
    for (engine::Shard& shard : engine::testing::load_chain(file, cuts, shard_options(1)).release()) {
      computes.push_back(std::make_unique<ShardCompute>(std::move(shard), vocabulary));
    }
    return LocalRing(std::move(computes), 512);
  }
  static Received ask(LocalRing& ring, Request input, size_t tokens_most = SIZE_MAX) {
    Received received;
    const auto listener = into(received);
    const auto done = ring.generate(std::move(input), [&](const TokenEvent& event) {
      listener(event);
      return received.tokens.size() < tokens_most;
    });
    EXPECT_TRUE(done) << done.error().message;
    return received;
  }

  TinyFile file = small();
};

TEST_F(LocalRingTest, WritesWhatTheEngineWritesWithoutARingOnEveryCut) {
  const Request input = request(tokens_of(100, 300), 30, 7);
  const auto expected = alone(file, input);
  for (const std::vector<uint32_t>& cuts : std::vector<std::vector<uint32_t>>{{}, {1}, {1, 2, 3}}) {
    LocalRing one = ring(cuts);
    const Received received = ask(one, input);
    EXPECT_EQ(received.tokens, expected) << cuts.size() << " cuts";
    EXPECT_EQ(received.end, wire::GenerateEnd::length);
  }
}

TEST_F(LocalRingTest, ANextTurnComputesOnlyWhatIsNew) {
  LocalRing one = ring();
  const Request first = request(tokens_of(40, 300), 10, 3);
  Request next = first;
  for (const wire::TokenId token : ask(one, first).tokens) next.tokens.push_back(token);
  next.tokens.push_back(5);
  const Received received = ask(one, next);
  EXPECT_EQ(received.reused, 49U);  // the last token of the answer was chosen, and not computed
  EXPECT_EQ(received.tokens, alone(file, next));
}

TEST_F(LocalRingTest, AnAnswerThatIsCutShortLeavesNothingWrongBehind) {
  LocalRing one = ring({2});
  const Request input = request(tokens_of(40, 300), 20, 3);
  EXPECT_EQ(ask(one, input, 4).tokens.size(), 4U);
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_TRUE(one.generate(input, [](const TokenEvent&) { return true; }, stopped.get_token()));
  EXPECT_EQ(ask(one, input).tokens, alone(file, input));
}

TEST_F(LocalRingTest, AnAnswerWithAFormContinuesInItsMiddle) {
  const auto tokenizer = model::Tokenizer::load(file.gguf()).value();
  LocalRing one = ring({2}, [&] { return engine::ConstraintVocabulary::of(tokenizer); });
  Request input = request(tokens_of(40, 300), 40, 3);
  input.sampling.constraint = {.kind = wire::ConstraintKind::regex, .text = "[a-f]{9}!"};
  for (uint32_t token = 0; token < tokenizer.size(); ++token) {
    if (tokenizer.is_end(static_cast<wire::TokenId>(token)))
      input.end_tokens.push_back(static_cast<wire::TokenId>(token));
  }
  const Received whole = ask(one, input);
  EXPECT_EQ(whole.end, wire::GenerateEnd::end_of_text);
  std::vector<wire::TokenId> text = whole.tokens;
  text.pop_back();
  const std::string written = tokenizer.decode(text);
  EXPECT_TRUE(written.size() == 10 && written.back() == '!' && written.find_first_not_of("abcdef") == 9) << written;
  // As after the loss of a ring: the tokens so far are part of what is asked.
  Request rest = input;
  rest.prompt_tokens = static_cast<uint32_t>(input.tokens.size());
  rest.tokens.insert(rest.tokens.end(), whole.tokens.begin(), whole.tokens.begin() + 3);
  const Received continued = ask(one, rest);
  EXPECT_EQ(continued.tokens, std::vector<wire::TokenId>(whole.tokens.begin() + 3, whole.tokens.end()));
}

TEST_F(LocalRingTest, AFormThatCannotBeHadEndsItsAnswerAlone) {
  const auto tokenizer = model::Tokenizer::load(file.gguf()).value();
  LocalRing one = ring({2}, [&] { return engine::ConstraintVocabulary::of(tokenizer); });
  Request input = request(tokens_of(40, 300), 4, 3);
  input.sampling.constraint = {.kind = wire::ConstraintKind::regex, .text = "("};
  const Received refused = ask(one, input);
  ASSERT_TRUE(refused.failure);
  EXPECT_EQ(refused.failure->code, ErrorCode::invalid_argument);
  input.sampling.constraint.reset();
  EXPECT_EQ(ask(one, input).tokens, alone(file, input));
  LocalRing without = ring();
  input.sampling.constraint = {.kind = wire::ConstraintKind::regex, .text = "a"};
  EXPECT_EQ(ask(without, input).failure.value().code, ErrorCode::unsupported);
}

TEST_F(LocalRingTest, RefusesWhatTheSchedulerRefuses) {
  LocalRing one = ring();
  const auto none = one.generate(request({}, 5, 1), [](const TokenEvent&) { return true; });
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(ask(one, request(tokens_of(3, 300), 2, 1)).tokens.size(), 2U);
}

}  // namespace
}  // namespace exogpu::pipeline
