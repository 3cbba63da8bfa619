#include "pipeline/step_thread.h"

#include <gtest/gtest.h>

#include <latch>
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

TEST(StepThread, CancelWaitsForOwnTaskAndDiscardsOwnOthers) {
  const int first = 0;
  const int second = 0;
  std::binary_semaphore begun(0);
  std::binary_semaphore may_end(0);
  std::binary_semaphore second_done(0);
  std::atomic<bool> ended = false;
  std::atomic<int> firsts = 0;
  StepThread thread(nullptr);
  thread.push(&first, [&] {
    ++firsts;
    begun.release();
    may_end.acquire();
    ended = true;
  });
  thread.push(&first, [&] { ++firsts; });
  thread.push(&second, [&] { second_done.release(); });
  begun.acquire();
  std::thread other([&] { may_end.release(); });
  thread.cancel(&first);
  EXPECT_TRUE(ended);
  second_done.acquire();
  EXPECT_EQ(firsts, 1);
  other.join();
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
