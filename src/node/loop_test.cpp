#include "node/loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace exogpu::node {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

class LoopTest : public ::testing::Test {
 protected:
  // Runs the task on the loop's thread, and waits for it.
  template <typename Task>
  void run(Task task) {
    std::promise<void> done;
    loop_.post([&] {
      task();
      done.set_value();
    });
    ASSERT_EQ(done.get_future().wait_for(30s), std::future_status::ready);
  }

  Loop loop_;
};

TEST_F(LoopTest, TasksRunInTheirOrderOnOneThread) {
  std::vector<int> order;
  std::thread::id thread;
  loop_.post([&] {
    thread = std::this_thread::get_id();
    loop_.post([&] { order.push_back(3); });  // of a task: after what waits already
    order.push_back(1);
  });
  loop_.post([&] { order.push_back(2); });
  EXPECT_TRUE(order.empty()) << "it is not started";
  loop_.start();
  size_t ended = 0;
  while (ended < 3 && !HasFatalFailure()) {
    run([&] {
      EXPECT_EQ(std::this_thread::get_id(), thread);
      ended = order.size();
    });
  }
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(LoopTest, EveryThreadMayPost) {
  loop_.start();
  int count = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 250; ++k) loop_.post([&] { ++count; });
      });
    }
  }
  run([&] { EXPECT_EQ(count, 1000); });
}

TEST_F(LoopTest, StopWaitsForTheTaskThatRunsAndForNoOther) {
  loop_.start();
  std::promise<void> running, may_end;
  std::atomic<bool> ended = false, later = false;
  loop_.post([&] {
    running.set_value();
    may_end.get_future().wait();
    ended = true;
  });
  loop_.post([&] { later = true; });
  running.get_future().wait();
  std::jthread stopper([&] {
    loop_.stop();
    EXPECT_TRUE(ended);
  });
  // The second task must not begin once stop() was called.
  while (!loop_.context().stopped()) std::this_thread::yield();
  may_end.set_value();
  stopper.join();
  loop_.post([&] { later = true; });
  loop_.stop();  // again
  EXPECT_FALSE(later);
}

TEST_F(LoopTest, WhatNeverRanIsDestroyedWithTheLoop) {
  const auto owned = std::make_shared<int>(1);
  {
    Loop never;
    never.post([owned] {});
    never.post_after(1h, [owned] {});
    EXPECT_EQ(owned.use_count(), 3);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST_F(LoopTest, ATaskForLaterWaitsForItsTimeAlone) {
  loop_.start();
  std::promise<steady_clock::time_point> soon;
  bool late = false;
  const auto begun = steady_clock::now();
  loop_.post_after(1h, [&] { late = true; });
  loop_.post_after(3ms, [&] { soon.set_value(steady_clock::now()); });
  EXPECT_GE(soon.get_future().get(), begun + 3ms);
  run([&] { EXPECT_FALSE(late); });
}

TEST_F(LoopTest, AnAlarmIsCalledOnceAtTheTimeThatWasSetLast) {
  int calls = 0;
  std::promise<void> called;
  Alarm alarm(loop_, [&] {
    ++calls;
    called.set_value();
  });
  loop_.start();
  run([&] {
    alarm.set(steady_clock::now());  // due, and replaced before it was called
    alarm.set(steady_clock::now() + 1h);
  });
  run([&] { EXPECT_EQ(calls, 0); });
  run([&] { alarm.set(steady_clock::now() - 1h); });  // the past is now
  called.get_future().wait();
  run([&] { EXPECT_EQ(calls, 1); });
}

TEST_F(LoopTest, AnAlarmThatIsGoneIsSilent) {
  loop_.start();
  int calls = 0;
  run([&] {
    Alarm alarm(loop_, [&] { ++calls; });
    alarm.set(steady_clock::now());
  });
  run([&] { EXPECT_EQ(calls, 0); });
}

TEST_F(LoopTest, ALoopThatPollsRunsTasksAndAlarms) {
  loop_.busy_wait().allow(true);
  std::promise<void> called;
  Alarm alarm(loop_, [&] { called.set_value(); });
  loop_.start();
  run([&] {
    loop_.busy_wait().extend();
    EXPECT_TRUE(loop_.busy_wait().active());
    alarm.set(steady_clock::now() + 1ms);
  });
  EXPECT_EQ(called.get_future().wait_for(30s), std::future_status::ready);
}

}  // namespace
}  // namespace exogpu::node
