#include "pipeline/local_ring.h"

#include <gtest/gtest.h>

#include <cmath>

#include "pipeline/shard_compute.h"
#include "pipeline/testing/fake_model.h"
#include "pipeline/testing/ring_requests.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

class LocalRingTest : public ::testing::Test {
 protected:
  LocalRing ring(const std::vector<uint32_t>& cuts = {}, const engine::LoadVocabulary& vocabulary = {}) {
    std::vector<std::unique_ptr<Compute>> computes;
    for (engine::ShardGroup& shard : engine::testing::load_chain(file, cuts, shard_options(1)).release()) {
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

TEST(LocalRing, EndsItsAnswersWhenAStageIsLost) {
  std::vector<std::unique_ptr<Compute>> computes;
  auto compute = std::make_unique<FakeCompute>(FakeModel{.layers = 1}, wire::LayerRange{0, 1}, 1, 8);
  compute->gone = Error{ErrorCode::unavailable, "member 1 of the group is gone"};
  computes.push_back(std::move(compute));
  LocalRing ring(std::move(computes), 64);
  std::optional<Error> failure;
  const auto done = ring.generate(request({5, 6}, 4, 1), [&](const TokenEvent& event) {
    failure = event.failure;
    EXPECT_TRUE(event.interrupted);
    return true;
  });
  EXPECT_TRUE(failure && failure->message == "member 1 of the group is gone");
  EXPECT_TRUE(done);
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

// The log probabilities of all tokens but the first, each from logits of its own.
std::vector<double> scored_alone(const TinyFile& file, const std::vector<wire::TokenId>& tokens) {
  engine::ShardOptions options = shard_options(1);
  options.outputs = options.batch_tokens;
  auto chain = engine::testing::load_chain(file, {}, options);
  const uint32_t n_vocab = chain.architecture().n_vocab;
  std::vector<double> scores;
  for (size_t begin = 0; begin < tokens.size(); begin += 32) {
    const auto chunk = std::span(tokens).subspan(begin, std::min<size_t>(32, tokens.size() - begin));
    const std::vector<float> logits = engine::testing::feed(chain, chunk, static_cast<uint32_t>(chunk.size()));
    for (size_t i = 0; i < chunk.size() && begin + i + 1 < tokens.size(); ++i) {
      const auto row = std::span(logits).subspan(i * n_vocab, n_vocab);
      double sum = 0;
      for (const float logit : row) sum += std::exp(static_cast<double>(logit));
      scores.push_back(row[static_cast<size_t>(tokens[begin + i + 1])] - std::log(sum));
    }
  }
  return scores;
}

TEST_F(LocalRingTest, ScoresThePromptAsTheEngineDoesOnEveryCutAlsoOfAPromptThatIsResident) {
  Request input = request(tokens_of(70, 300), 2, 0);
  input.prompt_logprobs = 3;
  const auto expected = scored_alone(file, input.tokens);
  for (const std::vector<uint32_t>& cuts : std::vector<std::vector<uint32_t>>{{}, {1, 3}}) {
    std::vector<std::unique_ptr<Compute>> computes;
    engine::ShardOptions options = shard_options(1);
    options.outputs = 1 + wire::kScoredTokens;
    for (engine::ShardGroup& shard : engine::testing::load_chain(file, cuts, options).release()) {
      computes.push_back(std::make_unique<ShardCompute>(std::move(shard)));
    }
    LocalRing one(std::move(computes), 512);
    for (int again = 0; again < 2; ++again) {
      const Received received = ask(one, input);
      EXPECT_FALSE(received.failure);
      EXPECT_EQ(received.tokens.size(), 2U);
      ASSERT_EQ(received.scored.size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(received.scored[i].token, input.tokens[i + 1]);
        EXPECT_NEAR(received.scored[i].logprob.value(), expected[i], 1e-4) << i;
        EXPECT_EQ(received.scored[i].top.size(), 3U);
      }
    }
  }
}

TEST_F(LocalRingTest, GivesTheEmbeddingsOfTheEngineOnEveryCut) {
  const TinyFile embedder("gemma-embedding", 1, {.matrices = tiny::MatrixType::f32, .layers = 4});
  engine::ShardOptions options = shard_options(1);
  options.embeddings = true;
  const auto tokens = tokens_of(50, 300);
  auto chain = engine::testing::load_chain(embedder, {}, options);
  const std::vector<float> expected = engine::testing::feed(chain, tokens, 1);
  Request input{.tokens = tokens, .sampling = {}, .tokens_max = 1, .end_tokens = {}, .embed = true};
  for (const std::vector<uint32_t>& cuts : std::vector<std::vector<uint32_t>>{{}, {1, 2, 3}}) {
    std::vector<std::unique_ptr<Compute>> computes;
    for (engine::ShardGroup& shard : engine::testing::load_chain(embedder, cuts, options).release()) {
      computes.push_back(std::make_unique<ShardCompute>(std::move(shard)));
    }
    LocalRing one(std::move(computes), 512);
    for (int again = 0; again < 2; ++again) {
      const Received received = ask(one, input);
      EXPECT_EQ(received.embedding, expected);
      EXPECT_EQ(received.end, wire::GenerateEnd::length);
    }
    input.tokens = tokens_of(65, 300);
    EXPECT_EQ(one.generate(input, [](const TokenEvent&) { return true; }).error().code, ErrorCode::resource_exhausted);
    input.tokens = tokens;
  }
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
