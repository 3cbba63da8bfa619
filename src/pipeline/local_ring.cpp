#include "pipeline/local_ring.h"

#include <chrono>
#include <utility>

#include "base/assert.h"

namespace exogpu::pipeline {

// Each step is a task of the calling thread: no thread is woken for a token.
class LocalRing::CallerExecutor final : public StepExecutor {
 public:
  CallerExecutor(std::deque<Task>& tasks, StepWork work) : tasks_(&tasks), work_(std::move(work)) {}

  void push(StageInput input) override {
    tasks_->push_back([this, input = std::move(input)]() mutable {
      const auto started = std::chrono::steady_clock::now();
      StageOutput output = work_.run(std::move(input));
      const auto took = std::chrono::steady_clock::now() - started;
      work_.done(std::move(output), std::chrono::duration_cast<std::chrono::microseconds>(took));
    });
  }
  void stop() override {}  // generate() runs no task after its return

 private:
  std::deque<Task>* tasks_;
  StepWork work_;
};

RingHost LocalRing::host() {
  return {.post = [this](Task task) { tasks_.push_back(std::move(task)); },
          .send = [](wire::NodeId, net::Outgoing) -> Result<void> {
            return fail(ErrorCode::internal, "a ring in one process sends to no other node");
          },
          .on_done = [this](const wire::StepDone& done) { driver_->on_done(done); },
          .on_broken = [this](const Error& why) { driver_->fail_all(why); },
          .make_executor = [this](const ComputeInfo&,
                                  StepWork work) { return std::make_unique<CallerExecutor>(tasks_, std::move(work)); }};
}

LocalRing::LocalRing(std::vector<std::unique_ptr<Compute>> computes, uint32_t context) {
  EXO_ASSERT(!computes.empty() && computes.front()->info().first() && computes.back()->info().last(),
             "a ring has all layers of its model");
  const ComputeInfo info = computes.back()->info();
  RingOptions options{.epoch = wire::PlanEpoch(1), .self = {}, .nodes = std::vector<wire::NodeId>(computes.size())};
  options.activation_width = info.activation_width;
  options.batch_tokens = info.batch_tokens;
  ring_ = std::make_unique<Ring>(std::move(options), host());
  for (uint32_t i = 0; i < computes.size(); ++i) ring_->add(i, {.compute = std::move(computes[i])}, "");
  // One stage to the schedule, whatever the cuts: on one thread no two overlap, so smaller chunks would gain nothing.
  ScheduleOptions schedule{.stages = 1, .sequences = info.sequences, .context = context};
  schedule.batch_tokens = info.batch_tokens;
  schedule.n_vocab = info.vocabulary;
  schedule.embeds = info.embeds;
  schedule.whole_texts = info.whole_texts;
  driver_ = std::make_unique<Driver>(*ring_, schedule);
}

Result<void> LocalRing::generate(Request request, const std::function<bool(const TokenEvent&)>& on_event,
                                 const std::stop_token& cancel) {
  bool over = false;
  EXO_TRY(const RequestId id, driver_->generate(std::move(request), [&](const TokenEvent& event) {
    over = !on_event(event) || event.is_last();
  }));
  while (!over && !cancel.stop_requested()) {
    EXO_ASSERT(!tasks_.empty(), "a request that has not ended has a step in the queue");
    Task task = std::exchange(tasks_.front(), {});
    tasks_.pop_front();
    task();
  }
  driver_->cancel(id);
  return {};
}

}  // namespace exogpu::pipeline
