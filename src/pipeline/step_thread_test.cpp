#include "pipeline/step_thread.h"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <set>

#include "pipeline/thread_executor.h"

namespace exogpu::pipeline {
namespace {

TEST(StepThread, DoesTasksInOrder) {
  std::vector<int> done;
  std::latch all(3);
  StepThread thread(nullptr);
  for (int i = 0; i < 3; ++i) {
    thread.push(&all, [&, i] {
      done.push_back(i);
      all.count_down();
    });
  }
  all.wait();
  EXPECT_EQ(done, (std::vector{0, 1, 2}));
}

TEST(StepThread, CancelDiscardsOwnTasksAndWaitsForTheOneInProgress) {
  const int first = 0;
  const int second = 0;
  std::binary_semaphore begun(0);
  std::binary_semaphore discarded(0);
  std::binary_semaphore second_done(0);
  std::atomic<bool> ended = false;
  StepThread thread(nullptr);
  thread.push(&first, [&] {
    begun.release();
    discarded.acquire();
    ended = true;
  });
  const auto released = [&](void*) { discarded.release(); };
  thread.push(&first, [held = std::unique_ptr<void, decltype(released)>(&discarded, released)] {
    FAIL() << "the task was to be discarded";
  });
  thread.push(&second, [&] { second_done.release(); });
  begun.acquire();
  thread.cancel(&first);
  EXPECT_TRUE(ended);
  second_done.acquire();
}

TEST(StepThread, RestsBetweenTwoTasksAsThePacerSays) {
  using std::chrono::steady_clock;
  const auto pacer = std::make_shared<Pacer>();
  pacer->set({.pace = 0.25});
  StepThread thread(nullptr, pacer);
  steady_clock::time_point began, ended, next;
  std::latch both(2);
  thread.push(&both, [&] {
    began = steady_clock::now();
    while (steady_clock::now() - began < std::chrono::milliseconds(2)) continue;
    ended = steady_clock::now();
    both.count_down();
  });
  thread.push(&both, [&] {
    next = steady_clock::now();
    both.count_down();
  });
  both.wait();
  EXPECT_GE(next - ended, 3 * (ended - began));
}

TEST(StepThread, ARestEndsWhenThePacerAllowsMore) {
  const auto pacer = std::make_shared<Pacer>();
  pacer->set({.pace = 1e-9});  // a rest that no test outlives
  StepThread thread(nullptr, pacer);
  std::binary_semaphore first(0), second(0);
  thread.push(&first, [&] {
    const auto began = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - began < std::chrono::milliseconds(1)) continue;
    first.release();
  });
  thread.push(&first, [&] { second.release(); });
  first.acquire();
  pacer->set({});
  second.acquire();
}

// The threads on which stages with these computes do a step.
std::set<std::thread::id> threads_of(ThreadExecutors& executors, const std::vector<ComputeInfo>& computes) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::latch all(static_cast<ptrdiff_t>(computes.size()));
  std::vector<std::unique_ptr<StepExecutor>> stages;
  for (const ComputeInfo& info : computes) {
    stages.push_back(executors.make(info, {.run =
                                               [&](const StageInput&) {
                                                 const std::scoped_lock lock(mutex);
                                                 threads.insert(std::this_thread::get_id());
                                                 return StageOutput(wire::StepDone{});
                                               },
                                           .done = [&](const StageOutput&, auto) { all.count_down(); }}));
    stages.back()->push({});
  }
  all.wait();
  return threads;
}

TEST(ThreadExecutors, ComputesOnTheProcessorShareAThread) {
  ThreadExecutors executors;
  const ComputeInfo gpu{};
  ComputeInfo processor;
  processor.on_processor = true;
  EXPECT_EQ(threads_of(executors, {processor, processor, processor}).size(), 1);
  EXPECT_EQ(threads_of(executors, {gpu, gpu, processor, processor}).size(), 3);
}

}  // namespace
}  // namespace exogpu::pipeline
