// Against a ring that is a model of the real one: each stage keeps what its sequences hold, checks every position, and
// the last samples a token that depends on all tokens before it. So an answer is right only where every stage held what
// the scheduler thought it held.
#include "pipeline/scheduler.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <format>
#include <functional>
#include <random>
#include <set>

namespace exogpu::pipeline {
namespace {

using Tokens = std::vector<wire::TokenId>;

wire::TokenId next_token(const Tokens& before) {
  uint64_t hash = 1469598103934665603ULL;
  for (const wire::TokenId token : before) hash = (hash ^ static_cast<uint32_t>(token)) * 1099511628211ULL;
  return static_cast<wire::TokenId>((hash >> 20) % 50);
}

// What a request must hear, when nothing goes wrong.
Tokens answer_to(Tokens tokens, uint32_t count) {
  Tokens answer;
  for (uint32_t i = 0; i < count; ++i) {
    answer.push_back(next_token(tokens));
    tokens.push_back(answer.back());
  }
  return answer;
}

class ModelRing {
 public:
  ModelRing(uint32_t stages, uint32_t sequences)
      : held_(stages, std::vector<Tokens>(sequences)), epochs_(stages), samples_(sequences) {}

  void lose(uint32_t stage) {
    for (Tokens& tokens : held_[stage]) tokens.clear();
    epochs_[stage] = {};
  }

  // `fails_at`: the stage at which a device fails.
  wire::StepDone compute(const Work& work, std::optional<uint32_t> fails_at) {
    wire::StepDone done{.epoch = work.step.epoch, .number = work.step.number};
    for (uint32_t stage = 0; stage < held_.size(); ++stage) {
      auto& held = held_[stage];
      if (work.step.number == 1) {
        if (auto begun = begin(stage, work.step); !begun && !done.failure) done.failure = begun.error();
      }
      for (const wire::SequenceChange& change : work.step.changes) {
        if (auto changed = apply(held, change); !changed && !done.failure) done.failure = changed.error();
      }
      if (!done.failure && fails_at == stage) done.failure = Error{ErrorCode::unavailable, "the device failed"};
      if (done.failure || (work.step.replay && !work.step.replay->contains(stage))) continue;
      for (const wire::Span& span : work.step.spans) {
        if (span.position == held.at(span.sequence.value()).size()) continue;
        done.failure =
            Error{ErrorCode::invalid_argument,
                  std::format("sequence {} holds {} tokens at stage {}, and the step begins at {}",
                              span.sequence.value(), held[span.sequence.value()].size(), stage, span.position)};
      }
      if (done.failure) continue;
      const bool sent_again = work.step.replay && work.step.replay->begin > 0;
      auto token = work.tokens.begin();
      for (const wire::Span& span : work.step.spans) {
        Tokens& tokens = held[span.sequence.value()];
        if (sent_again) {
          const Tokens& sent = held_[work.step.replay->begin - 1][span.sequence.value()];
          tokens.insert(tokens.end(), sent.begin() + span.position, sent.begin() + span.position + span.count);
          continue;
        }
        tokens.insert(tokens.end(), token, token + span.count);
        token += span.count;
      }
    }
    if (done.failure) return done;
    for (const wire::Span& span : work.step.spans) {
      if (!span.sample) continue;
      const Tokens& tokens = held_.back()[span.sequence.value()];
      auto& sampler = samples_[span.sequence.value()];
      EXPECT_TRUE(sampler) << "a sequence without a sampler";
      EXPECT_EQ(sampler.value_or(0), tokens.size()) << "the sampler has seen another number of tokens";
      wire::SampledToken& sampled = done.tokens.emplace_back();
      sampled.sequence = span.sequence;
      sampled.token = next_token(tokens);
      ++*sampler;
    }
    return done;
  }

 private:
  Result<void> begin(uint32_t stage, const wire::Step& first) {
    const bool anew = !first.keep || first.keep->anew.contains(stage);
    const bool keeps = !anew && epochs_[stage] == first.keep->epoch;
    epochs_[stage] = first.epoch;
    for (size_t i = 0; i < held_[stage].size(); ++i) {
      const uint32_t tokens = keeps ? first.keep->tokens.at(i) : 0;
      EXPECT_LE(tokens, held_[stage][i].size()) << "more is to be kept than stage " << stage << " holds";
      held_[stage][i].resize(tokens);
    }
    if (anew || keeps) return {};
    return fail(ErrorCode::failed_precondition, "what the ring before held is gone");
  }
  Result<void> apply(std::vector<Tokens>& held, const wire::SequenceChange& change) {
    Tokens& tokens = held.at(change.sequence.value());
    if (const auto* truncate = std::get_if<wire::Truncate>(&change.what)) {
      tokens.resize(std::min<size_t>(tokens.size(), truncate->end));
    } else if (const auto* copy = std::get_if<wire::CopyPrefix>(&change.what)) {
      const Tokens& from = held.at(copy->from.value());
      if (copy->length > from.size()) return fail(ErrorCode::invalid_argument, "more is copied than there is");
      tokens.assign(from.begin(), from.begin() + copy->length);
    } else if (&held == &held_.back()) {
      samples_[change.sequence.value()] = std::get<wire::OpenSampler>(change.what).length;
    }
    return {};
  }

  std::vector<std::vector<Tokens>> held_;  // by stage and sequence
  std::vector<wire::PlanEpoch> epochs_;
  std::vector<std::optional<uint32_t>> samples_;  // tokens that the sampler of a sequence has seen
};

struct Asked {
  Tokens prompt{};
  uint32_t tokens_max = 0;
  Tokens heard{};
  std::optional<wire::GenerateEnd> end{};
  std::optional<Error> failure{};
  bool cancelled = false;
  uint64_t steps_since_token = 0;
  bool over() const { return end || failure || cancelled; }
};

// The scheduler, a ring, and those who ask. What must hold at all times is checked at every step.
class Bench {
 public:
  explicit Bench(const ScheduleOptions& options)
      : options_(options), scheduler(wire::PlanEpoch(7), options), ring_(options.stages, options.sequences) {}

  // The ring ends, and another goes on from it without what these stages held, nor `forgets`, which nobody knows.
  void next_ring(wire::StageRange anew, std::optional<uint32_t> forgets) {
    for (uint32_t stage = anew.begin; stage < anew.end; ++stage) ring_.lose(stage);
    if (forgets) ring_.lose(*forgets);
    epoch_ = wire::PlanEpoch(epoch_.value() + 1);
    under_way_.clear();
    last_begun_ = 0;
    failures_until_ = 0;
    replayed += scheduler.tokens_replayed();
    HeldTokens held = scheduler.held();
    keeps_ = !std::ranges::all_of(held.sequences, &Tokens::empty);
    scheduler = Scheduler(epoch_, options_, KeptTokens{.held = std::move(held), .anew = anew});
    for (const auto& [id, request] : asked) {
      if (!request.over()) ask_again(id);
    }
  }

  RequestId ask(Tokens prompt, uint32_t tokens_max, uint32_t penalty_last_n = 64) {
    const RequestId id(next_id_++);
    Request request{.tokens = prompt, .sampling = {}, .tokens_max = tokens_max, .end_tokens = {}};
    request.sampling.penalty_last_n = penalty_last_n;
    asked[id] = {.prompt = std::move(prompt), .tokens_max = tokens_max};
    EXPECT_TRUE(scheduler.add(id, std::move(request)));
    return id;
  }
  void cancel(RequestId id) {
    asked.at(id).cancelled = true;
    scheduler.cancel(id);
  }

  // Begins all steps that the scheduler wants; true: there was one.
  bool begin(const std::function<std::optional<uint32_t>()>& fails_at = [] { return std::nullopt; }) {
    bool any = false;
    while (auto work = scheduler.next()) {
      any = true;
      check(*work);
      const auto failing = fails_at();
      wire::StepDone done = ring_.compute(*work, failing);
      const bool lacks = done.failure && done.number == 1;
      under_way_.push_back({std::move(done), failing || lacks});
      last_begun_ = work->step.number;
      EXPECT_LE(scheduler.active(), options_.sequences);
    }
    return any;
  }

  // The oldest step comes back.
  bool finish() {
    if (under_way_.empty()) return false;
    const auto [done, injected] = std::move(under_way_.front());
    under_way_.pop_front();
    if (injected) failures_until_ = last_begun_;
    // A failure may take the steps with it that were under way behind it, and nothing that begins later.
    if (done.failure) {
      EXPECT_LE(done.number, failures_until_) << done.failure->message;
    }
    std::vector<RequestEvent> events;
    scheduler.done(done, events);
    for (auto& [id, request] : asked) ++request.steps_since_token;
    for (const auto& [id, event] : events) receive(id, event);
    return true;
  }

  void run() {
    for (int i = 0; i < 1'000'000; ++i) {
      begin();
      if (!finish()) return;
    }
    FAIL() << "it does not end";
  }

  void expect_all_answered() {
    for (const auto& [id, request] : asked) {
      EXPECT_TRUE(request.over()) << "request " << id.value() << " has not ended";
      if (request.failure || request.cancelled) continue;
      EXPECT_EQ(request.heard, answer_to(request.prompt, static_cast<uint32_t>(request.heard.size())));
      const auto room = options_.context + 1 - static_cast<uint32_t>(request.prompt.size());
      const uint32_t most = request.tokens_max == 0 ? room : std::min(room, request.tokens_max);
      EXPECT_EQ(request.heard.size(), most);
      EXPECT_EQ(*request.end, request.tokens_max > 0 && request.tokens_max <= room ? wire::GenerateEnd::length
                                                                                   : wire::GenerateEnd::context_full);
    }
    EXPECT_EQ(scheduler.active(), 0U);
    EXPECT_EQ(scheduler.waiting(), 0U);
    EXPECT_EQ(scheduler.under_way(), 0U);
    EXPECT_TRUE(scheduler.requests().empty());
  }

  const ScheduleOptions options_;
  Scheduler scheduler;
  std::map<RequestId, Asked> asked;
  uint64_t wait_longest = 0;  // steps between two tokens of a request
  uint64_t prompt_steps = 0;
  uint32_t reused_most = 0;
  uint64_t replayed = 0;  // tokens, in the rings that have ended

 private:
  void ask_again(RequestId id) {
    const Asked& request = asked.at(id);
    Request next{.tokens = request.prompt, .sampling = {}, .tokens_max = 0, .end_tokens = {}};
    next.tokens.insert(next.tokens.end(), request.heard.begin(), request.heard.end());
    if (request.tokens_max > 0) next.tokens_max = request.tokens_max - static_cast<uint32_t>(request.heard.size());
    EXPECT_TRUE(scheduler.add(id, std::move(next)));
  }
  void check(const Work& work) {
    EXPECT_EQ(work.step.epoch, epoch_);
    EXPECT_EQ(work.step.number, last_begun_ + 1);
    if (!work.step.replay || work.step.replay->begin == 0) {
      EXPECT_EQ(work.step.rows(), work.tokens.size());
    }
    EXPECT_LE(work.step.rows(), options_.batch_tokens);
    EXPECT_EQ(work.step.keep.has_value(), keeps_ && work.step.number == 1);
    EXPECT_LE(work.tokens.size(), options_.batch_tokens);
    EXPECT_LE(work.step.changes.size(), 4 * wire::kStepSpansMax) << "the other end would refuse it";
    std::set<wire::SeqId> sequences;
    for (const wire::Span& span : work.step.spans) {
      EXPECT_LT(span.sequence.value(), options_.sequences);
      EXPECT_TRUE(sequences.insert(span.sequence).second) << "a sequence twice in a step";
      EXPECT_GT(span.count, 0U);
      EXPECT_LE(span.position + span.count, options_.context);
    }
    prompt_steps += std::ranges::any_of(work.step.spans, [](const wire::Span& span) { return span.count > 1; });
  }
  void receive(RequestId id, const TokenEvent& event) {
    Asked& request = asked.at(id);
    EXPECT_FALSE(request.over()) << "request " << id.value() << " hears something after its end";
    if (event.token) {
      if (!request.heard.empty()) wait_longest = std::max(wait_longest, request.steps_since_token);
      request.steps_since_token = 0;
      request.heard.push_back(event.token->token);
    }
    reused_most = std::max(reused_most, event.prompt_reused);
    if (event.interrupted) return ask_again(id);
    request.end = event.end;
    request.failure = event.failure;
  }

  ModelRing ring_;
  wire::PlanEpoch epoch_{7};
  bool keeps_ = false;  // the ring has something to go on from
  std::deque<std::pair<wire::StepDone, bool>> under_way_;
  uint64_t next_id_ = 1;
  uint64_t last_begun_ = 0;
  uint64_t failures_until_ = 0;
};

Tokens prompt_of(uint32_t length, uint32_t seed = 0) {
  Tokens tokens;
  for (uint32_t i = 0; i < length; ++i) tokens.push_back(static_cast<wire::TokenId>((i * 7 + seed * 13) % 50));
  return tokens;
}

TEST(Scheduler, RefusesWhatCannotBeAnswered) {
  Scheduler scheduler(wire::PlanEpoch(1), {.sequences = 1, .context = 10, .waiting_max = 1});
  const auto refusal = [&](uint64_t id, uint32_t length) {
    const auto added = scheduler.add(RequestId(id), {.tokens = prompt_of(length), .sampling = {}, .end_tokens = {}});
    return added ? Error{} : added.error();
  };
  EXPECT_EQ(refusal(1, 0).code, ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(2, 11).code, ErrorCode::resource_exhausted);
  EXPECT_NE(refusal(2, 11).message.find("11 tokens"), std::string::npos);
  EXPECT_EQ(refusal(3, 10).message, "");  // an answer that goes on, and has room for one token
  EXPECT_EQ(refusal(4, 9).message, "");   // waits
  EXPECT_EQ(refusal(5, 9).code, ErrorCode::unavailable);
  EXPECT_EQ(scheduler.requests().size(), 2U);
}

TEST(Scheduler, APromptIsCutAndAnswered) {
  Bench bench({.stages = 3, .sequences = 2, .context = 1000, .batch_tokens = 100});
  bench.ask(prompt_of(777), 20);
  bench.run();
  bench.expect_all_answered();
  EXPECT_GE(bench.prompt_steps, 8U);
}

TEST(Scheduler, AnEndTokenAndAFullContextEnd) {
  Bench bench({.sequences = 2, .context = 40});
  const auto full = bench.ask(prompt_of(39), 0);
  bench.run();
  EXPECT_EQ(bench.asked[full].end, wire::GenerateEnd::context_full);
  EXPECT_EQ(bench.asked[full].heard.size(), 2U);  // one for the last place, and one that needs none
  // The same answer, interrupted between the two.
  const auto goes_on = bench.ask(prompt_of(40), 0);
  bench.run();
  EXPECT_EQ(bench.asked[goes_on].end, wire::GenerateEnd::context_full);
  EXPECT_EQ(bench.asked[goes_on].heard.size(), 1U);

  const RequestId id(99);
  const Tokens answer = answer_to(prompt_of(5), 10);
  bench.asked[id] = {.prompt = prompt_of(5)};
  ASSERT_TRUE(bench.scheduler.add(id, {.tokens = prompt_of(5), .sampling = {}, .end_tokens = {answer[3]}}));
  bench.run();
  EXPECT_EQ(bench.asked[id].end, wire::GenerateEnd::end_of_text);
  const auto first = std::ranges::find(answer, answer[3]) - answer.begin();
  EXPECT_EQ(bench.asked[id].heard, Tokens(answer.begin(), answer.begin() + first + 1));
}

TEST(Scheduler, DecodingGoesOnWhileLongPromptsCome) {
  for (const uint32_t stages : {1U, 2U, 5U}) {
    Bench bench({.stages = stages, .sequences = 8, .context = 10000, .batch_tokens = 256});
    for (uint32_t i = 0; i < 4; ++i) bench.ask(prompt_of(10 + i, i), 400);
    for (int i = 0; i < 50; ++i) {
      bench.begin();
      bench.finish();
    }
    for (uint32_t i = 0; i < 4; ++i) bench.ask(prompt_of(9000, 10 + i), 5);
    bench.run();
    bench.expect_all_answered();
    // The way round, and at most as many steps again in which others have their turn.
    EXPECT_LE(bench.wait_longest, 2 * (stages + 1)) << stages << " stages";
  }
}

TEST(Scheduler, APromptIsNotStarvedByThoseWhoDecode) {
  for (const uint32_t batch : {1U, 2U, 4U}) {
    Bench bench({.stages = 1, .sequences = 4, .context = 5000, .batch_tokens = batch});
    for (uint32_t i = 0; i < 3; ++i) bench.ask(prompt_of(2, i), 2000);
    for (int i = 0; i < 20; ++i) {
      bench.begin();
      bench.finish();
    }
    const auto late = bench.ask(prompt_of(10, 9), 1);
    for (int i = 0; i < 100 && !bench.asked[late].over(); ++i) {
      bench.begin();
      bench.finish();
    }
    EXPECT_TRUE(bench.asked[late].over()) << "a batch of " << batch;
    bench.run();
    bench.expect_all_answered();
  }
}

TEST(Scheduler, ASequenceIsUsedAgainAndCopied) {
  Bench bench({.stages = 2, .sequences = 3, .context = 500, .batch_tokens = 64});
  const auto first = bench.ask(prompt_of(200), 10);
  bench.run();
  Tokens longer = prompt_of(200);
  const Tokens& answer = bench.asked[first].heard;
  longer.insert(longer.end(), answer.begin(), answer.end());
  longer.push_back(3);
  bench.ask(longer, 5);
  bench.run();
  EXPECT_EQ(bench.reused_most, 209U);  // the last token of the answer was never computed
  // Three at once with the same beginning: one takes the sequence, the others copy from it.
  for (uint32_t i = 0; i < 3; ++i) {
    Tokens other = longer;
    other.push_back(static_cast<wire::TokenId>(i));
    bench.ask(other, 30);
  }
  const uint64_t before = bench.scheduler.tokens_computed();
  bench.run();
  EXPECT_LE(bench.scheduler.tokens_computed() - before, 3 * (2 + 30U));
  bench.expect_all_answered();
}

TEST(Scheduler, AFailureEndsTheRequestsOfItsStepOnly) {
  Bench bench({.stages = 1, .sequences = 2, .context = 500, .batch_tokens = 50});
  const auto a = bench.ask(prompt_of(40), 5);
  const auto b = bench.ask(prompt_of(200, 3), 5);  // waits for the first's prompt to leave room
  bench.begin([] { return 0; });
  bench.finish();
  EXPECT_TRUE(bench.asked[a].failure);
  bench.ask(prompt_of(40), 5);
  bench.run();
  EXPECT_EQ(bench.asked[a].failure->message, "the device failed");
  EXPECT_TRUE(bench.asked[b].over());
  bench.expect_all_answered();
}

// A request that counts on tokens which are still on their way, when these do not arrive.
TEST(Scheduler, WhoReusedWhatFailedIsTold) {
  Bench bench({.stages = 3, .sequences = 2, .context = 500, .batch_tokens = 50});
  const auto a = bench.ask(prompt_of(100), 5);
  bench.begin([] { return 1; });
  bench.cancel(a);
  const auto b = bench.ask(prompt_of(120), 5);
  while (bench.finish()) {
  }
  EXPECT_TRUE(bench.asked[b].failure);
  bench.ask(prompt_of(120), 5);
  bench.run();
  bench.expect_all_answered();
}

TEST(Scheduler, ManyThatComeAndGoWhileAStepIsUnderWayLeaveAStepThatCanBeSent) {
  Bench bench({.stages = 1, .sequences = 1, .context = 500, .batch_tokens = 50});
  bench.ask(prompt_of(30), 5);
  bench.begin();
  for (uint32_t i = 0; i < 20000; ++i) bench.cancel(bench.ask(prompt_of(20, i), 5));
  bench.cancel(RequestId(1));
  for (uint32_t i = 0; i < 20000; ++i) bench.cancel(bench.ask(prompt_of(20, i), 5));
  bench.ask(prompt_of(33), 5);
  bench.run();
  bench.expect_all_answered();
}

TEST(Scheduler, TooFewTokensFromTheLastStageAreAFailure) {
  Scheduler scheduler(wire::PlanEpoch(1), {.sequences = 1, .context = 10});
  ASSERT_TRUE(scheduler.add(RequestId(1), {.tokens = prompt_of(3), .sampling = {}, .end_tokens = {}}));
  const auto work = scheduler.next();
  ASSERT_TRUE(work);
  std::vector<RequestEvent> events;
  scheduler.done({.epoch = wire::PlanEpoch(1), .number = work->step.number + 5}, events);
  EXPECT_TRUE(events.empty());
  scheduler.done({.epoch = wire::PlanEpoch(1), .number = work->step.number}, events);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].second.failure->code, ErrorCode::corrupt);
  EXPECT_EQ(scheduler.active(), 0U);
}

TEST(Scheduler, ATokenOutsideTheVocabularyEndsItsRequestOnly) {
  Scheduler scheduler(wire::PlanEpoch(1), {.sequences = 2, .context = 10, .n_vocab = 50});
  const auto added = scheduler.add(RequestId(9), {.tokens = {50}, .sampling = {}, .end_tokens = {}});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::invalid_argument);
  for (const uint64_t id : {1U, 2U}) {
    ASSERT_TRUE(scheduler.add(RequestId(id), {.tokens = prompt_of(3), .sampling = {}, .end_tokens = {}}));
  }
  std::vector<RequestEvent> events;
  const auto work = scheduler.next();
  ASSERT_TRUE(work && work->step.spans.size() == 2);
  scheduler.done({.epoch = wire::PlanEpoch(1),
                  .number = work->step.number,
                  .tokens = {{.sequence = wire::SeqId(0), .token = 50}, {.sequence = wire::SeqId(1), .token = 49}}},
                 events);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].second.failure.value_or(Error{}).code, ErrorCode::corrupt);
  EXPECT_FALSE(events[0].second.token);
  EXPECT_EQ(events[1].second.token->token, 49);
  const auto next = scheduler.next();
  ASSERT_TRUE(next && next->step.spans.size() == 1);
  EXPECT_EQ(next->step.spans[0].sequence, wire::SeqId(1));
}

uint32_t pick(uint32_t low, uint32_t high) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<uint32_t>(low, high));
}

ScheduleOptions any_options() {
  ScheduleOptions options;
  options.stages = pick(1, 6);
  options.sequences = pick(1, 6);
  options.context = pick(40, 200);
  options.batch_tokens = pick(1, 70);
  options.busy_chunk = pick(1, 70);
  options.step_cost_tokens = pick(0, 20);
  return options;
}

// Requests that come, are cancelled, share beginnings and are hit by failures, in any order.
TEST(Scheduler, WhateverHappensEveryAnswerIsRight) {
  const bool fails = false, injects = true;
  for (const bool with_failures : {fails, injects}) {
    EXPECT_TRUE(rc::check([with_failures] {
      const ScheduleOptions options = any_options();
      Bench bench(options);
      const uint32_t rate = pick(2, 12);
      const uint64_t seed = pick(0, 1U << 30);
      std::minstd_rand random(static_cast<uint32_t>(seed));
      const auto any = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
      const auto fails_at = [&]() -> std::optional<uint32_t> {
        if (!with_failures || any(15) != 0) return std::nullopt;
        return any(options.stages);
      };
      std::vector<RequestId> ids;
      for (int i = 0; i < 300; ++i) {
        if (any(rate) == 0) {
          Tokens prompt = prompt_of(1 + any(options.context - 2), any(3));
          if (!ids.empty() && any(2) == 0) {  // goes on from another answer
            const Asked& other = bench.asked[ids[any(static_cast<uint32_t>(ids.size()))]];
            prompt = other.prompt;
            prompt.insert(prompt.end(), other.heard.begin(), other.heard.end());
            if (prompt.size() >= options.context) prompt.resize(options.context - 1);
          }
          ids.push_back(bench.ask(prompt, any(3) == 0 ? 0 : 1 + any(30), any(100)));
        }
        if (!ids.empty() && any(3 * rate) == 0) {
          const RequestId id = ids[any(static_cast<uint32_t>(ids.size()))];
          if (!bench.asked[id].over()) bench.cancel(id);
        }
        if (any(2) == 0) bench.begin(fails_at);
        if (any(2) == 0) bench.finish();
      }
      bench.run();
      bench.expect_all_answered();
      if (!with_failures) {
        for (const auto& [id, request] : bench.asked) EXPECT_FALSE(request.failure) << request.failure->message;
      }
      RC_ASSERT(!::testing::Test::HasFailure());
    }));
  }
}

// Rings end at any moment, and the next goes on from what is left.
TEST(Scheduler, AnswersStayRightFromRingToRing) {
  uint64_t replayed = 0;
  EXPECT_TRUE(rc::check([&replayed] {
    const ScheduleOptions options = any_options();
    Bench bench(options);
    std::minstd_rand random(pick(0, 1U << 30));
    const auto any = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
    std::vector<RequestId> ids;
    for (int i = 0; i < 400; ++i) {
      if (any(10) == 0) {
        Tokens prompt = prompt_of(1 + any(options.context - 2), any(3));
        ids.push_back(bench.ask(prompt, any(3) == 0 ? 0 : 1 + any(30), any(100)));
      }
      if (!ids.empty() && any(40) == 0) {
        const RequestId id = ids[any(static_cast<uint32_t>(ids.size()))];
        if (!bench.asked[id].over()) bench.cancel(id);
      }
      if (any(20) == 0) {
        const uint32_t begin = any(options.stages + 1);
        const uint32_t end = begin + any(options.stages + 1 - begin);
        bench.next_ring({begin, end}, any(4) == 0 ? std::optional(any(options.stages)) : std::nullopt);
      }
      if (any(2) == 0) bench.begin();
      if (any(2) == 0) bench.finish();
    }
    bench.run();
    bench.expect_all_answered();
    for (const auto& [id, request] : bench.asked) EXPECT_FALSE(request.failure) << request.failure->message;
    replayed += bench.replayed;
    RC_ASSERT(!::testing::Test::HasFailure());
  }));
  EXPECT_GT(replayed, 1000U) << "this has tried nothing";
}

}  // namespace
}  // namespace exogpu::pipeline
