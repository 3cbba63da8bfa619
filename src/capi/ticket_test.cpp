#include "capi/ticket.h"

#include <poll.h>

#include <atomic>
#include <latch>
#include <thread>

#include "capi/testing/fixture.h"

namespace exogpu::capi::testing {
namespace {

bool readable(int32_t fd) {
  pollfd each{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&each, 1, 0) == 1;
}

// An operation that ends when the test lets it.
class TicketTest : public CapiTest {
 protected:
  void SetUp() override {
    CapiTest::SetUp();
    ASSERT_TRUE(begin(
        context_of(context.id), executor_,
        [this](const std::stop_token&) -> Result<uint64_t> {
          may_end_.wait();
          return 0;
        },
        &held_));
  }
  void TearDown() override {
    if (!may_end_.try_wait()) may_end_.count_down();
    executor_.stop();
    CapiTest::TearDown();
  }

  std::latch may_end_{1};
  exogpu_ticket held_{};
  Executor executor_;
};

struct Told {
  std::atomic<int> calls = 0;
  std::atomic<exogpu_code> code = -1;
  static void here(void* user, exogpu_code code, const char* message) {
    auto* told = static_cast<Told*>(user);
    told->code = code;
    EXPECT_EQ(code == EXOGPU_OK, message[0] == '\0');
    ++told->calls;
  }
};

TEST_F(TicketTest, IsPolledWaitedForAndFreed) {
  int32_t done = -1;
  ASSERT_OK(exogpu_ticket_poll(held_, &done));
  EXPECT_EQ(done, 0);
  expect_error(exogpu_ticket_wait(held_, 0), EXOGPU_DEADLINE_EXCEEDED, "is not done after 0 ms");
  expect_error(exogpu_ticket_wait(held_, 5), EXOGPU_DEADLINE_EXCEEDED, "is not done after 5 ms");
  expect_error(exogpu_ticket_free(held_), EXOGPU_FAILED_PRECONDITION, "wait for it first");
  exogpu_buffer buffer{};
  expect_error(exogpu_ticket_buffer(held_, &buffer), EXOGPU_FAILED_PRECONDITION, "not done");
  may_end_.count_down();
  EXPECT_OK(exogpu_ticket_wait(held_, -1));
  ASSERT_OK(exogpu_ticket_poll(held_, &done));
  EXPECT_EQ(done, 1);
  expect_error(exogpu_ticket_buffer(held_, &buffer), EXOGPU_FAILED_PRECONDITION, "makes no object");
  EXPECT_OK(exogpu_ticket_free(held_));
  expect_error(exogpu_ticket_free(held_), EXOGPU_INVALID_ARGUMENT, "was freed or closed before");
  expect_error(exogpu_ticket_wait(held_, 0), EXOGPU_INVALID_ARGUMENT, "was freed or closed before");
  expect_error(exogpu_ticket_poll(held_, nullptr), EXOGPU_INVALID_ARGUMENT, "null pointer");
}

TEST_F(TicketTest, CallsBackOnce) {
  Told before, after;
  ASSERT_OK(exogpu_ticket_notify(held_, Told::here, &before));
  expect_error(exogpu_ticket_notify(held_, Told::here, &before), EXOGPU_ALREADY_EXISTS, "has a callback");
  expect_error(exogpu_ticket_notify(held_, nullptr, nullptr), EXOGPU_INVALID_ARGUMENT, "callback is a null pointer");
  EXPECT_EQ(before.calls, 0);
  may_end_.count_down();
  executor_.stop();
  EXPECT_EQ(before.calls, 1);
  EXPECT_EQ(before.code, EXOGPU_OK);
  // Of one that is done already, from this thread.
  exogpu_ticket failed{};
  ASSERT_OK(exogpu_buffer_allocate_async(cpu, 0, &failed));
  EXPECT_EQ(exogpu_ticket_wait(failed, -1), EXOGPU_INVALID_ARGUMENT);
  ASSERT_OK(exogpu_ticket_notify(failed, Told::here, &after));
  EXPECT_EQ(after.calls, 1);
  EXPECT_EQ(after.code, EXOGPU_INVALID_ARGUMENT);
}

TEST_F(TicketTest, AnEventfdBecomesReadable) {
  int32_t fd = -1;
  ASSERT_OK(exogpu_ticket_fd(held_, &fd));
  EXPECT_FALSE(readable(fd));
  may_end_.count_down();
  EXPECT_OK(exogpu_ticket_wait(held_, -1));
  EXPECT_TRUE(readable(fd));
  int32_t again = -1;
  ASSERT_OK(exogpu_ticket_fd(held_, &again));
  EXPECT_EQ(again, fd);
  EXPECT_TRUE(readable(fd));
  expect_error(exogpu_ticket_fd(held_, nullptr), EXOGPU_INVALID_ARGUMENT, "null pointer");
}

TEST_F(TicketTest, WhatIsCancelledBeforeItBeginsDoesNotRun) {
  bool ran = false;
  exogpu_ticket ticket{};
  ASSERT_TRUE(begin(
      context_of(context.id), executor_,
      [&ran](const std::stop_token&) -> Result<uint64_t> {
        ran = true;
        return 0;
      },
      &ticket));
  ASSERT_OK(exogpu_ticket_cancel(ticket));
  may_end_.count_down();
  expect_error(exogpu_ticket_wait(ticket, -1), EXOGPU_CANCELLED, "before it began");
  EXPECT_FALSE(ran);
  expect_error(exogpu_ticket_cancel({}), EXOGPU_INVALID_ARGUMENT, "is 0");
}

TEST_F(TicketTest, ACallbackMustNotWait) {
  static exogpu_ticket other;
  other = held_;
  exogpu_ticket ticket{};
  std::atomic<exogpu_code> waited = -1;
  ASSERT_OK(exogpu_device_record(cpu, &ticket));
  ASSERT_OK(exogpu_ticket_notify(
      ticket,
      [](void* user, exogpu_code, const char*) {
        *static_cast<std::atomic<exogpu_code>*>(user) = exogpu_ticket_wait(other, -1);
      },
      &waited));
  EXPECT_OK(exogpu_device_synchronize(cpu));
  EXPECT_EQ(waited, EXOGPU_FAILED_PRECONDITION);
  may_end_.count_down();
}

TEST_F(CapiTest, AClosedContextsOperationsEnd) {
  std::vector<char> bytes(1 << 16, 'a');
  const exogpu_buffer buffer = allocate(bytes.size());
  Told told;
  for (int i = 0; i < 20; ++i) {
    exogpu_ticket ticket{};
    ASSERT_OK(exogpu_buffer_upload_async(buffer, 0, bytes.data(), bytes.size(), &ticket));
    ASSERT_OK(exogpu_ticket_notify(
        ticket, [](void* user, exogpu_code, const char*) { ++static_cast<Told*>(user)->calls; }, &told));
  }
  ASSERT_OK(exogpu_context_close(context));
  EXPECT_EQ(told.calls, 20);
  context = {};
}

}  // namespace
}  // namespace exogpu::capi::testing
