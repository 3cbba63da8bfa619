// A scheduler with a ring of step machines over a fake model, and its clients: an answer is right only where every
// stage had the tokens that the scheduler counted on.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "pipeline/scheduler.h"
#include "pipeline/step_machine.h"
#include "pipeline/testing/fake_model.h"

namespace exogpu::pipeline::testing {

using Tokens = std::vector<wire::TokenId>;

inline constexpr uint32_t kBenchVocabulary = 50;

// What a request must get, when nothing goes wrong.
inline Tokens answer_to(const Tokens& prompt, uint32_t count,
                        const FakeModel& model = {.vocabulary = kBenchVocabulary}) {
  ExpectedAnswer answer(model, wire::SamplerSettings().seed, prompt);
  Tokens tokens;
  for (uint32_t i = 0; i < count; ++i) tokens.push_back(answer.next());
  return tokens;
}

// The stages of a ring, one layer each, without threads or a network.
class FakeRing {
 public:
  FakeRing(const ScheduleOptions& options, const FakeModel& model) : options_(options), model_(model) {
    for (uint32_t stage = 0; stage < options.stages; ++stage) stages_.push_back(fresh(stage));
  }

  void lose(uint32_t stage) { stages_[stage] = fresh(stage); }

  // `fails_at`: the stage at which a device fails.
  wire::StepDone compute(Work work, std::optional<uint32_t> fails_at) {
    if (work.step.number == 1) begin(work.step);
    if (fails_at) stages_[*fails_at].compute->fails = Error{ErrorCode::unavailable, "the device failed"};
    StageInput input{.step = std::move(work.step), .tokens = std::move(work.tokens), .activations = {}};
    for (uint32_t i = 0;; ++i) {
      StageOutput output = stages_[i].machine->run(std::move(input));
      stages_[i].compute->fails.reset();
      if (auto* done = std::get_if<wire::StepDone>(&output)) return std::move(*done);
      auto& forwarded = std::get<ForwardedStep>(output);
      input = {.step = std::move(forwarded.step), .tokens = {}, .activations = std::move(forwarded.activations)};
    }
  }

 private:
  struct FakeStage {
    std::unique_ptr<StepMachine> machine;
    FakeCompute* compute = nullptr;  // of the machine
    wire::PlanEpoch epoch{};         // of the ring whose steps it has done
  };
  // What the scheduler counts as resident is, where the stage was not lost.
  void begin(const wire::Step& first) {
    for (uint32_t stage = 0; stage < stages_.size(); ++stage) {
      FakeStage& each = stages_[stage];
      const bool resumes = first.resume && !first.resume->fresh_stages.contains(stage) &&
                           each.epoch != wire::PlanEpoch() && each.epoch == first.resume->epoch;
      for (uint32_t i = 0; resumes && i < options_.sequences; ++i) {
        EXPECT_LE(first.resume->tokens.at(i), each.compute->length(wire::SeqId(i)))
            << "more is resumed than stage " << stage << " holds";
      }
      each.epoch = first.epoch;
    }
  }
  FakeStage fresh(uint32_t stage) const {
    auto compute = std::make_unique<FakeCompute>(model_, wire::LayerRange{stage, stage + 1}, options_.sequences,
                                                 options_.batch_tokens, pool_rows());
    FakeCompute* at = compute.get();
    return {.machine = std::make_unique<StepMachine>(
                RetainedStage{.compute = std::move(compute)},
                StageOptions{.index = stage, .name = "fake", .sent_bytes_max = size_t{16} << 20}),
            .compute = at};
  }
  uint32_t pool_rows() const {
    return (options_.pool_tokens + options_.region_step - 1) / options_.region_step * options_.region_step;
  }
  ScheduleOptions options_;
  FakeModel model_;
  std::vector<FakeStage> stages_;
};

struct Asked {
  Tokens prompt{};
  uint32_t tokens_max = 0;
  Tokens received{};
  std::optional<wire::GenerateEnd> end{};
  std::optional<Error> failure{};
  bool cancelled = false;
  uint64_t steps_since_token = 0;
  bool over() const { return end || failure || cancelled; }
};

// The scheduler, a ring of a fake model, and clients. What must hold at all times is checked at every step.
class Bench {
 public:
  explicit Bench(const ScheduleOptions& options, bool recurrent = false)
      : options_(options),
        scheduler(wire::PlanEpoch(7), options),
        model_{.layers = options.stages, .vocabulary = kBenchVocabulary, .recurrent = recurrent},
        ring_(options, model_) {}

  // The ring ends, and another continues from it without what the stages `fresh` had, nor `forgets`, of which the
  // scheduler does not know.
  void next_ring(wire::StageRange fresh, std::optional<uint32_t> forgets) {
    for (uint32_t stage = fresh.begin; stage < fresh.end; ++stage) ring_.lose(stage);
    if (forgets) ring_.lose(*forgets);
    epoch_ = wire::PlanEpoch(epoch_.value() + 1);
    in_flight_.clear();
    last_begun_ = 0;
    failures_until_ = 0;
    replayed += scheduler.tokens_replayed();
    preempted += scheduler.preempted();
    ResidentTokens resident = scheduler.resident();
    resumes_ = !std::ranges::all_of(resident.sequences, &Tokens::empty);
    scheduler = Scheduler(epoch_, options_, ResumedTokens{.resident = std::move(resident), .fresh_stages = fresh});
    for (const auto& [id, request] : asked) {
      if (!request.over()) ask_again(id);
    }
  }

  RequestId ask(Tokens prompt, uint32_t tokens_max, uint32_t penalty_last_n = 64, wire::ClientId client = {},
                bool computes_afresh = false) {
    const RequestId id(next_id_++);
    Request request{.tokens = prompt, .sampling = {}, .tokens_max = tokens_max, .end_tokens = {}, .client = client};
    request.sampling.penalty_last_n = penalty_last_n;
    request.computes_afresh = computes_afresh;
    asked[id] = {.prompt = std::move(prompt), .tokens_max = tokens_max};
    EXPECT_TRUE(scheduler.add(id, std::move(request)));
    return id;
  }
  void cancel(RequestId id) {
    asked.at(id).cancelled = true;
    scheduler.cancel(id);
  }

  // Begins all steps of the scheduler; true: there was one.
  bool begin(const std::function<std::optional<uint32_t>()>& fails_at = [] { return std::nullopt; }) {
    bool any = false;
    while (auto work = scheduler.next()) {
      any = true;
      check(*work);
      const auto failing = fails_at();
      wire::StepDone done = ring_.compute(*work, failing);
      const bool lacks = done.failure && done.number == 1;
      in_flight_.push_back({std::move(done), failing || lacks});
      last_begun_ = work->step.number;
      EXPECT_LE(scheduler.active(), options_.sequences);
    }
    return any;
  }

  // The oldest step is done.
  bool finish() {
    if (in_flight_.empty()) return false;
    const auto [done, injected] = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (injected) failures_until_ = last_begun_;
    // A failure may take the steps with it that were in flight behind it, and nothing that begins later.
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
      EXPECT_EQ(request.received, answer_to(request.prompt, static_cast<uint32_t>(request.received.size()), model_));
      const auto room = options_.context + 1 - static_cast<uint32_t>(request.prompt.size());
      const uint32_t most = request.tokens_max == 0 ? room : std::min(room, request.tokens_max);
      EXPECT_EQ(request.received.size(), most);
      EXPECT_EQ(*request.end, request.tokens_max > 0 && request.tokens_max <= room ? wire::GenerateEnd::length
                                                                                   : wire::GenerateEnd::context_full);
    }
    EXPECT_EQ(scheduler.active(), 0U);
    EXPECT_EQ(scheduler.waiting(), 0U);
    EXPECT_EQ(scheduler.in_flight(), 0U);
    EXPECT_TRUE(scheduler.requests().empty());
  }

  const ScheduleOptions options_;
  Scheduler scheduler;
  std::map<RequestId, Asked> asked;
  uint64_t wait_longest = 0;  // steps between two tokens of a request
  uint64_t prompt_steps = 0;
  uint32_t reused_most = 0;
  uint64_t replayed = 0;         // tokens, in the rings that have ended
  uint64_t preempted = 0;        // requests, in those
  std::vector<RequestId> begun;  // those that have received a token, in that order

 private:
  void ask_again(RequestId id) {
    const Asked& request = asked.at(id);
    Request next{.tokens = request.prompt, .sampling = {}, .tokens_max = 0, .end_tokens = {}};
    next.prompt_tokens = static_cast<uint32_t>(request.prompt.size());
    next.accepted_before = true;
    next.tokens.insert(next.tokens.end(), request.received.begin(), request.received.end());
    if (request.tokens_max > 0) next.tokens_max = request.tokens_max - static_cast<uint32_t>(request.received.size());
    EXPECT_TRUE(scheduler.add(id, std::move(next)));
  }
  void check(const Work& work) {
    EXPECT_EQ(work.step.epoch, epoch_);
    EXPECT_EQ(work.step.number, last_begun_ + 1);
    if (!work.step.replay || work.step.replay->begin == 0) {
      EXPECT_EQ(work.step.rows(), work.tokens.size());
    }
    EXPECT_LE(work.step.rows(), options_.batch_tokens);
    EXPECT_EQ(work.step.resume.has_value(), resumes_ && work.step.number == 1);
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
    EXPECT_FALSE(request.over()) << "request " << id.value() << " receives an event after its end";
    if (event.token) {
      if (!request.received.empty()) wait_longest = std::max(wait_longest, request.steps_since_token);
      request.steps_since_token = 0;
      if (request.received.empty()) begun.push_back(id);
      request.received.push_back(event.token->token);
    }
    reused_most = std::max(reused_most, event.prompt_reused);
    if (event.interrupted) return ask_again(id);
    request.end = event.end;
    request.failure = event.failure;
  }

  FakeModel model_;
  FakeRing ring_;
  wire::PlanEpoch epoch_{7};
  bool resumes_ = false;  // the ring has something to resume
  std::deque<std::pair<wire::StepDone, bool>> in_flight_;
  uint64_t next_id_ = 1;
  uint64_t last_begun_ = 0;
  uint64_t failures_until_ = 0;
};

inline Tokens prompt_of(uint32_t length, uint32_t seed = 0) {
  Tokens tokens;
  for (uint32_t i = 0; i < length; ++i) tokens.push_back(static_cast<wire::TokenId>((i * 7 + seed * 13) % 50));
  return tokens;
}

}  // namespace exogpu::pipeline::testing
