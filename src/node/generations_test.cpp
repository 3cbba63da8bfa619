#include "node/generations.h"

#include <gtest/gtest.h>

#include "node/testing/generation_log.h"
#include "node/testing/tiny_file.h"

namespace exogpu::node {
namespace {

using namespace std::chrono_literals;
using testing::GenerationLog;
using testing::TaskQueue;
using Lines = std::vector<std::string>;

constexpr uint32_t kContext = 64;

// Generations whose requests are appended to a list instead of sent to a ring.
class GenerationsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { file_ = new testing::TinyFile("llama"); }
  static void TearDownTestSuite() { delete std::exchange(file_, nullptr); }

  static std::shared_ptr<PromptEncoder> encoder() {
    static const std::shared_ptr<PromptEncoder> one = PromptEncoder::load(file_->gguf()).value();
    return one;
  }
  void serve(uint64_t epoch) {
    generations_.serve({.model = "tiny", .epoch = wire::PlanEpoch(epoch), .context = kContext, .encoder = encoder()});
  }
  // The ring of the plan has ended, as a node reports it.
  void lose_ring(const std::string& why = "node b is offline") {
    generations_.stop_serving({ErrorCode::unavailable, why});
    generations_.interrupt_all();
  }
  std::shared_ptr<GenerationLog> start(GenerationRequest request) {
    auto log = std::make_shared<GenerationLog>();
    generations_.generate(std::move(request), log, cancel_.get_token());
    tasks_.run();
    return log;
  }
  static GenerationRequest request(uint32_t tokens_max = 8) {
    GenerationRequest request{.model = "tiny", .prompt = std::vector<model::TokenId>{1, 2, 3}, .options = {}};
    request.options.tokens_max = tokens_max;
    request.options.ignore_end = true;
    return request;
  }
  // The ring computes one token of the last submitted request, or of another.
  void token(model::TokenId token, std::optional<wire::GenerateEnd> end = {}, size_t of = SIZE_MAX) {
    wire::Generated message{.request = submitted_.at(of == SIZE_MAX ? submitted_.size() - 1 : of).request};
    message.tokens = {{.token = token}};
    message.end = end;
    generations_.on_generated(message);
  }
  void fail_request(const Error& why, bool interrupted) {
    wire::Generated message{.request = submitted_.back().request};
    message.failure = why;
    message.interrupted = interrupted;
    generations_.on_generated(message);
  }

  inline static testing::TinyFile* file_ = nullptr;
  TaskQueue tasks_;
  std::stop_source cancel_;
  std::vector<wire::Generate> submitted_;
  std::vector<uint64_t> cancelled_;
  Result<void> submits_;  // the result of a submission
  bool accepts_ = true;   // the ring says at once that it has accepted what was submitted
  std::optional<wire::QueuePlace> waits_at_;
  int ended_ = 0;
  Generations generations_{{.post = [this](TaskQueue::Task task) { tasks_.post(std::move(task)); },
                            .in_background = [this](TaskQueue::Task task) { tasks_.post(std::move(task)); },
                            .submit = [this](wire::Generate request) -> Result<void> {
                              if (!submits_) return submits_;
                              const uint64_t number = request.request;
                              submitted_.push_back(std::move(request));
                              if (accepts_) generations_.on_generated({.request = number, .queue = waits_at_});
                              return {};
                            },
                            .cancel = [this](uint64_t number) { cancelled_.push_back(number); },
                            .wait = 5s,
                            .on_end = [this] { ++ended_; }}};
};

TEST_F(GenerationsTest, ItIsBusyFromTheRequestToTheEndWhichIsReported) {
  serve(1);
  generations_.generate(request(1), std::make_shared<GenerationLog>(), {});
  EXPECT_TRUE(generations_.busy()) << "its prompt is being encoded";
  tasks_.run();
  token(65, wire::GenerateEnd::length);
  EXPECT_EQ(std::pair(generations_.busy(), ended_), std::pair(false, 1));
}

TEST_F(GenerationsTest, TokensOfTheRingBecomeAnAnswer) {
  serve(7);
  const auto log = start(request(2));
  ASSERT_EQ(submitted_.size(), 1U);
  EXPECT_EQ(submitted_[0].epoch, wire::PlanEpoch(7));
  EXPECT_EQ(submitted_[0].tokens, (std::vector<wire::TokenId>{1, 2, 3}));
  EXPECT_EQ(submitted_[0].tokens_max, 2U);
  EXPECT_TRUE(generations_.busy());
  token(65);
  token(66, wire::GenerateEnd::length);
  EXPECT_EQ(log->lines, (Lines{"prompt 3", "0 ends: length, 2 tokens"}));
  EXPECT_FALSE(generations_.busy());
}

TEST_F(GenerationsTest, AnEmbeddingIsAskedAgainOfTheNextRing) {
  const testing::TinyFile embedder("bert");
  const std::shared_ptr<PromptEncoder> embeds = PromptEncoder::load(embedder.gguf()).value();
  const auto serve_embedder = [&](uint64_t epoch) {
    generations_.serve(
        {.model = "tiny", .epoch = wire::PlanEpoch(epoch), .context = kContext, .encoder = embeds, .batch = 32});
  };
  serve_embedder(7);
  GenerationRequest text = request();
  text.embedding = {.dimensions = 2};
  const auto log = start(text);
  ASSERT_EQ(submitted_.size(), 1U);
  EXPECT_TRUE(submitted_[0].embed);
  lose_ring();
  serve_embedder(8);
  EXPECT_EQ(submitted_.at(1).tokens, submitted_[0].tokens);
  wire::Generated message{.request = submitted_[1].request, .end = wire::GenerateEnd::length};
  message.tokens.push_back({.sequence = {}, .embedding = {0.5F, 1, 2}});
  generations_.on_generated(message);
  EXPECT_EQ(log->lines, (Lines{"prompt 3", "2 values, the first 0.5", "0 ends: length, 0 tokens"}));
  EXPECT_FALSE(generations_.busy());
}

TEST_F(GenerationsTest, AnAnswerBeginsWithItsPromptAndTheScoresOfItsTokens) {
  serve(7);
  GenerationRequest echoed = request(2);
  echoed.prompt = std::string("ab");
  echoed.options.echo = true;
  echoed.options.sampling.logprobs = 1;
  const auto log = start(echoed);
  ASSERT_EQ(submitted_.size(), 1U);
  EXPECT_EQ(submitted_[0].prompt_logprobs, 1U);
  wire::Generated scored{.request = submitted_[0].request, .scored_position = 1};
  for (size_t i = 1; i < submitted_[0].tokens.size(); ++i) {
    scored.scored.push_back({.sequence = {}, .token = submitted_[0].tokens[i], .logprob = -1.0F});
  }
  generations_.on_generated(scored);
  EXPECT_EQ(log->texts[0], "ab");
  EXPECT_EQ(log->reports, submitted_[0].tokens.size());
  token(65);
  token(66, wire::GenerateEnd::length);
  EXPECT_EQ(log->reports, submitted_[0].tokens.size() + 2);
  EXPECT_TRUE(log->texts[0].starts_with("ab") && log->texts[0].size() > 2) << log->texts[0];
}

TEST_F(GenerationsTest, BeforeAnythingWasServedRequestsAreRefusedWithTheReason) {
  const auto log = start(request());
  EXPECT_EQ(log->lines, Lines{"error: the node is starting"});
  generations_.stop_serving({ErrorCode::unavailable, "a/cpu is loading its part of the model"});
  EXPECT_EQ(start(request())->lines, Lines{"error: a/cpu is loading its part of the model"});
  EXPECT_TRUE(submitted_.empty());
}

TEST_F(GenerationsTest, ALongPromptAndAnEmptyOneAreRefused) {
  serve(7);
  GenerationRequest full = request();
  full.prompt = std::vector<model::TokenId>(kContext, 1);
  const auto log = start(std::move(full));
  ASSERT_EQ(log->lines.size(), 1U);
  EXPECT_TRUE(log->lines[0].contains("64 tokens and leaves no room")) << log->lines[0];
  GenerationRequest empty = request();
  empty.prompt = std::string();
  empty.prompt = std::vector<model::TokenId>();
  EXPECT_EQ(start(std::move(empty))->lines, Lines{"error: the prompt is empty"});
  EXPECT_TRUE(submitted_.empty());
}

TEST_F(GenerationsTest, AnAnswerContinuesWithTheNextRing) {
  serve(7);
  const auto log = start(request(4));
  token(65);
  token(66);
  const uint64_t first = submitted_.back().request;
  lose_ring();
  EXPECT_EQ(cancelled_, std::vector{first});
  EXPECT_TRUE(generations_.waiting());
  serve(8);
  ASSERT_EQ(submitted_.size(), 2U);
  // The prompt and the tokens so far, of which none is lost and none is repeated.
  EXPECT_EQ(submitted_[1].tokens, (std::vector<wire::TokenId>{1, 2, 3, 65, 66}));
  EXPECT_EQ(submitted_[1].prompt_tokens, 3U);
  EXPECT_EQ(submitted_[1].tokens_max, 2U);
  EXPECT_EQ(submitted_[1].epoch, wire::PlanEpoch(8));
  wire::Generated late{.request = first};
  late.tokens = {{.token = 99}};
  generations_.on_generated(late);  // of the previous ring
  token(67);
  token(68, wire::GenerateEnd::length);
  EXPECT_EQ(log->lines, (Lines{"prompt 3", "0 ends: length, 4 tokens"}));
}

TEST_F(GenerationsTest, AnInterruptedAnswerWaitsForTheNextRing) {
  serve(7);
  const auto log = start(request());
  fail_request({ErrorCode::unavailable, "the link to b broke"}, true);
  EXPECT_EQ(log->lines, Lines{"prompt 3"});
  EXPECT_TRUE(generations_.waiting());
  generations_.resume();  // the same ring may be asked again
  EXPECT_EQ(submitted_.size(), 2U);
}

TEST_F(GenerationsTest, ARequestBetweenTwoRingsWaits) {
  serve(7);
  lose_ring();
  const auto log = start(request(1));
  EXPECT_TRUE(log->lines.empty());
  EXPECT_TRUE(submitted_.empty());
  serve(8);
  token(65, wire::GenerateEnd::length);
  EXPECT_EQ(log->lines.back(), "0 ends: length, 1 tokens");
}

TEST_F(GenerationsTest, WaitingRequestsAreSubmittedInTheirOrder) {
  serve(7);
  const auto first = start(request(1));
  lose_ring();
  const auto second = start(request(2)), third = start(request(3));
  submitted_.clear();
  serve(8);
  ASSERT_EQ(submitted_.size(), 3U);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(submitted_[i].tokens_max, i + 1);
}

TEST_F(GenerationsTest, APromptThatFillsTheContextButForOneTokenIsAccepted) {
  serve(7);
  GenerationRequest most = request(100);
  most.prompt = std::vector<model::TokenId>(kContext - 1, 1);
  EXPECT_EQ(start(std::move(most))->lines, Lines{"prompt 63"});
  token(65, wire::GenerateEnd::context_full);
  EXPECT_FALSE(generations_.busy());
}

TEST_F(GenerationsTest, ANodeThatIsGoneEndsWhatItsBackgroundHasJustEncoded) {
  TaskQueue node, background;
  auto log = std::make_shared<GenerationLog>();
  {
    Generations short_lived({.post = [&](TaskQueue::Task task) { node.post(std::move(task)); },
                             .in_background = [&](TaskQueue::Task task) { background.post(std::move(task)); }});
    short_lived.serve({.model = "tiny", .epoch = wire::PlanEpoch(7), .context = kContext, .encoder = encoder()});
    short_lived.generate(request(), log, cancel_.get_token());
    background.run();
  }
  node.run();
  EXPECT_EQ(log->lines, Lines{"error: the node is stopping"});
}

TEST_F(GenerationsTest, AWaitEndsAfterItsOwnTimeOrTheNodes) {
  serve(7);
  GenerationRequest hasty = request(), patient = request();
  hasty.wait = 0ms;
  patient.wait = 60s;
  const auto first = start(std::move(hasty)), second = start(request()), third = start(std::move(patient));
  lose_ring();
  const Error why{ErrorCode::unavailable, "out of memory without node b"};
  generations_.fail_interrupted(why, 0ms);
  EXPECT_EQ(first->lines.back(), "error: out of memory without node b");
  generations_.fail_interrupted(why, 4999ms);
  EXPECT_EQ(second->lines, Lines{"prompt 3"});
  generations_.fail_interrupted(why, 5s);
  EXPECT_EQ(second->lines.back(), "error: out of memory without node b");
  EXPECT_EQ(third->lines, Lines{"prompt 3"});
  // Nothing is expected any more, but for a request that waits longer: its time counts from now.
  EXPECT_FALSE(generations_.expected());
  EXPECT_TRUE(generations_.expected(1ms));
  generations_.fail_interrupted(why, 60s);
  EXPECT_EQ(third->lines.back(), "error: out of memory without node b");
  serve(8);
  EXPECT_TRUE(generations_.expected());
  EXPECT_FALSE(generations_.busy());
}

TEST_F(GenerationsTest, ARingThatDoesNotKnowYetThatItServesIsAskedAgain) {
  serve(7);
  submits_ = fail(kRingEnded, "there is no plan");
  const auto log = start(request(1));
  EXPECT_TRUE(log->lines.empty());
  EXPECT_TRUE(generations_.waiting());
  submits_ = {};
  generations_.resume();
  ASSERT_EQ(submitted_.size(), 1U);
  token(65, wire::GenerateEnd::length);
  EXPECT_EQ(log->lines.back(), "0 ends: length, 1 tokens");
}

TEST_F(GenerationsTest, AFailureOfTheRequestItselfEndsIt) {
  serve(7);
  submits_ = fail(ErrorCode::unavailable, "too many requests wait");
  EXPECT_EQ(start(request())->lines, Lines{"error: too many requests wait"});
  submits_ = {};
  const auto log = start(request());
  token(65);
  fail_request({ErrorCode::internal, "tiny.gguf has changed"}, false);
  EXPECT_EQ(log->lines.back(), "error: tiny.gguf has changed");
  EXPECT_FALSE(generations_.busy());
}

TEST_F(GenerationsTest, APromptIsAcceptedWhenARingAcceptsIt) {
  serve(7);
  accepts_ = false;
  const auto log = start(request(1));
  EXPECT_TRUE(log->lines.empty());
  generations_.on_generated({.request = submitted_.back().request});
  EXPECT_EQ(log->lines, Lines{"prompt 3"});
  // A ring that does not say so accepts with the first token.
  const auto other = start(request(1));
  token(65, wire::GenerateEnd::length);
  EXPECT_EQ(other->lines, (Lines{"prompt 3", "0 ends: length, 1 tokens"}));
}

TEST_F(GenerationsTest, ARefusedRequestIsToldItsPlaceInTheQueue) {
  serve(7);
  waits_at_ = wire::QueuePlace{.position = 3};
  GenerationRequest waits = request();
  waits.client = wire::ClientId(5);
  waits.wait = 9s;
  const auto log = start(std::move(waits));
  EXPECT_EQ(submitted_.back().client, wire::ClientId(5));
  EXPECT_EQ(submitted_.back().queue_wait_max, 9s);
  EXPECT_EQ(log->lines, Lines{"prompt 3"});
  accepts_ = false;
  const auto refused = start(request());
  EXPECT_EQ(submitted_.back().queue_wait_max, std::nullopt);
  wire::Generated message{.request = submitted_.back().request, .queue = wire::QueuePlace{.position = 7}};
  message.failure = Error{ErrorCode::unavailable, "too many requests wait"};
  generations_.on_generated(message);
  EXPECT_EQ(refused->lines, (Lines{"place 7", "error: too many requests wait"}));
}

TEST_F(GenerationsTest, ACancelReachesTheRingAndEndsEveryAnswer) {
  serve(7);
  GenerationRequest two = request();
  two.answers = 2;
  const auto log = start(std::move(two));
  ASSERT_EQ(submitted_.size(), 2U);
  EXPECT_EQ(submitted_[1].sampling.seed, submitted_[0].sampling.seed + 1);
  token(65, {}, 0);
  cancel_.request_stop();
  tasks_.run();
  EXPECT_EQ(cancelled_.size(), 2U);
  EXPECT_EQ(log->lines, (Lines{"prompt 3", "0 ends: cancelled, 1 tokens", "1 ends: cancelled, 0 tokens"}));
  token(66, {}, 0);  // on its way when it was cancelled
  EXPECT_EQ(log->lines.size(), 3U);
}

TEST_F(GenerationsTest, ACancelBeforeTheWorkBeginsEndsIt) {
  serve(7);
  cancel_.request_stop();
  const auto log = start(request());
  tasks_.run();
  EXPECT_EQ(log->lines.back(), "0 ends: cancelled, 0 tokens");
  EXPECT_FALSE(generations_.busy());
}

TEST_F(GenerationsTest, OneAnswerThatFailsEndsTheOthers) {
  serve(7);
  GenerationRequest two = request();
  two.answers = 2;
  const auto log = start(std::move(two));
  fail_request({ErrorCode::internal, "the device failed"}, false);
  EXPECT_EQ(log->lines, (Lines{"prompt 3", "error: the device failed"}));
  EXPECT_EQ(cancelled_, std::vector{submitted_[0].request});
}

TEST_F(GenerationsTest, AStopStringEndsTheRequestAtTheRing) {
  serve(7);
  GenerationRequest stops = request();
  stops.options.stops = {encoder()->tokenizer().piece(66)};
  const auto log = start(std::move(stops));
  token(65);
  token(66);
  EXPECT_EQ(log->lines.back(), "0 ends: stop string, 2 tokens");
  EXPECT_EQ(cancelled_, std::vector{submitted_[0].request});
}

TEST_F(GenerationsTest, SinceIsTheTimeOfTheModelNotOfThePlan) {
  serve(7);
  const auto since = generations_.serving()->since;
  EXPECT_NE(since.time_since_epoch().count(), 0);
  lose_ring();
  serve(8);
  EXPECT_EQ(generations_.serving()->since, since);
}

TEST_F(GenerationsTest, WhenTheNodeStopsEverythingEnds) {
  serve(7);
  const auto log = start(request());
  generations_.fail_all({ErrorCode::unavailable, "the node is stopping"});
  EXPECT_EQ(log->lines.back(), "error: the node is stopping");
  EXPECT_FALSE(generations_.busy());
}

}  // namespace
}  // namespace exogpu::node
