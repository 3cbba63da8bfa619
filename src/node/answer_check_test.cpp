#include "node/answer_check.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/rng.h"
#include "engine/divergence.h"
#include "engine/testing/tiny.h"
#include "pipeline/input_sketch.h"

namespace exogpu::node {
namespace {

using engine::SequenceTokens;
using engine::testing::cpu;
using engine::testing::TinyFile;

// Changes what a stage passes on.
using Disturb = std::function<void(size_t stage, std::span<float> activations)>;

// A ring in this thread: three stages, each of which sketches what it receives.
class RecordedStages {
 public:
  explicit RecordedStages(Disturb disturb = {}) : disturb_(std::move(disturb)) {}

  pipeline::AnswerRecord write(uint32_t tokens) {
    pipeline::AnswerRecord record{.tokens = engine::testing::tokens_of(20, n_vocab()), .prompt_tokens = 20};
    record.sampling = {.temperature = 0, .penalty_last_n = 0};
    for (uint32_t position = 0; record.tokens.size() < 20 + tokens;) {
      const auto count = static_cast<uint32_t>(record.tokens.size()) - position;
      record.tokens.push_back(step(record, position, count));
      position += count;
    }
    return record;
  }
  AnswerCheckOptions options() const { return {.device = &cpu(), .cuts = {1, 2}, .context = 256}; }
  const model::Gguf& gguf() const { return file_.gguf(); }

 private:
  uint32_t n_vocab() const { return shards_.front().architecture().n_vocab; }
  wire::TokenId step(pipeline::AnswerRecord& record, uint32_t position, uint32_t count) {
    const SequenceTokens next = {wire::SeqId(0), position, count, 1};
    const wire::Span span{.sequence = wire::SeqId(0), .position = position, .count = count};
    std::vector<float> activations;
    for (uint32_t stage = 0;; ++stage) {
      const auto tokens = std::span(record.tokens).subspan(position, count);
      const engine::Batch batch{{&next, 1}, stage == 0 ? tokens : std::span<const wire::TokenId>(), activations};
      const auto result = shards_[stage].forward(batch).value();
      if (stage + 1 == shards_.size()) {
        std::vector<float> logits(result.begin(), result.end());
        if (disturb_) disturb_(stage, logits);
        return engine::likeliest(logits);
      }
      activations.assign(result.begin(), result.end());
      if (disturb_) disturb_(stage, activations);
      const uint64_t seed = random_bits(5, draws_++);
      record.rows.push_back({.stage = stage + 1,
                             .position = position + pipeline::sketched_row(seed, 0, count),
                             .seed = seed,
                             .values = pipeline::sketch_of({&span, 1}, activations, width(), seed).values});
    }
  }
  uint32_t width() const { return shards_.front().architecture().activation_width(); }

  Disturb disturb_;
  TinyFile file_{"qwen3", 1, {.layers = 3}};
  std::vector<engine::ShardGroup> shards_ =
      std::move(engine::testing::load_chain(file_, {1, 2}, {.context = 256})).release();
  uint64_t draws_ = 0;
};

TEST(CheckAnswer, OneThatWasComputedRightIsTheSame) {
  RecordedStages ring;
  const pipeline::AnswerRecord record = ring.write(12);
  const AnswerCheck check = check_answer(ring.gguf(), record, ring.options()).value();
  EXPECT_FALSE(check.differs());
  ASSERT_EQ(check.stages.size(), 3U);
  for (size_t stage = 0; stage < 2; ++stage) {
    EXPECT_EQ(check.stages[stage].rows, 12U);
    EXPECT_LT(check.stages[stage].difference, 0.05);
  }
  EXPECT_EQ(check.stages[2].rows, 12U);
  EXPECT_LE(check.stages[2].difference, 0) << "the likeliest tokens surprise less than the expected ones";
}

TEST(CheckAnswer, TheStageThatPassesOnSomethingElseIsNamed) {
  for (const size_t liar : {0U, 1U}) {
    RecordedStages ring([&](size_t stage, std::span<float> activations) {
      if (stage != liar) return;
      for (size_t i = 0; i < activations.size(); ++i) activations[i] = static_cast<float>(random_unit(3, i) - 0.5);
    });
    const pipeline::AnswerRecord record = ring.write(12);
    const AnswerCheck check = check_answer(ring.gguf(), record, ring.options()).value();
    EXPECT_EQ(check.differs(), liar);
  }
}

TEST(CheckAnswer, TokensThatTheModelWouldNotChooseAreFoundOut) {
  uint64_t draws = 0;
  RecordedStages ring([&](size_t stage, std::span<float> logits) {
    // The tokens that the model expects least.
    if (stage == 2)
      for (float& logit : logits) logit = -20 * logit + static_cast<float>(random_unit(9, draws++));
  });
  pipeline::AnswerRecord record = ring.write(40);
  const AnswerCheck check = check_answer(ring.gguf(), record, ring.options()).value();
  EXPECT_EQ(check.differs(), 2U) << check.stages[2].difference;
  // Where a request changes the logits before it samples, tokens say nothing.
  record.sampling.logit_bias = {{5, 100}};
  EXPECT_FALSE(check_answer(ring.gguf(), record, ring.options()).value().differs());
}

TEST(CheckAnswer, AnotherModelIsFoundOut) {
  RecordedStages ring;
  const pipeline::AnswerRecord record = ring.write(12);
  const TinyFile other("qwen3", 2, {.layers = 3});
  EXPECT_EQ(check_answer(other.gguf(), record, ring.options()).value().differs(), 0U);
}

TEST(CheckAnswer, StopsWhenItIsToldTo) {
  RecordedStages ring;
  const pipeline::AnswerRecord record = ring.write(2);
  std::stop_source stop;
  stop.request_stop();
  const auto check = check_answer(ring.gguf(), record, ring.options(), stop.get_token());
  ASSERT_FALSE(check);
  EXPECT_EQ(check.error().code, ErrorCode::cancelled);
}

TEST(Surprise, SampledTokensAreExpectedAtAnyTemperature) {
  for (const float temperature : {0.5F, 1.0F, 2.0F}) {
    Surprise sampled, uniform;
    uint64_t draws = 0;
    for (int i = 0; i < 300; ++i) {
      std::vector<float> logits(100);
      for (float& logit : logits) logit = static_cast<float>(10 * random_unit(1, draws++));
      // The Gumbel trick samples from the distribution of the logits.
      std::vector<float> noisy = logits;
      for (float& logit : noisy)
        logit -= static_cast<float>(temperature * std::log(-std::log(random_unit(2, draws++) + 1e-12)));
      sampled.add(logits, engine::likeliest(noisy), temperature);
      uniform.add(logits, static_cast<wire::TokenId>(random_bits(3, draws++) % 100), temperature);
    }
    EXPECT_FALSE(sampled.implausible()) << sampled.mean();
    EXPECT_LT(sampled.mean(), 0.2);
    EXPECT_TRUE(uniform.implausible()) << uniform.mean();
  }
}

}  // namespace
}  // namespace exogpu::node
