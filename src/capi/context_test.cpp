#include "capi/context.h"

#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "capi/error.h"
#include "capi/structs.h"
#include "capi/testing/fixture.h"

namespace exogpu::capi::testing {
namespace {

TEST_F(CapiTest, ADeviceIsListedAndFound) {
  size_t count = 0;
  ASSERT_OK(exogpu_device_list(context, nullptr, 0, &count));
  ASSERT_EQ(count, 1U);
  exogpu_device devices[4] = {};
  ASSERT_OK(exogpu_device_list(context, devices, 4, &count));
  EXPECT_EQ(devices[0].id, cpu.id);
  EXPECT_EQ(devices[1].id, 0U);
  exogpu_device found{};
  expect_error(exogpu_device_find(context, "vulkan7", &found), EXOGPU_NOT_FOUND, "cpu");
  EXPECT_EQ(found.id, 0U);
}

TEST_F(CapiTest, WrongArgumentsAreNamed) {
  size_t count = 0;
  expect_error(exogpu_device_list(context, nullptr, 1, &count), EXOGPU_INVALID_ARGUMENT, "devices is a null pointer");
  expect_error(exogpu_device_list(context, nullptr, 0, nullptr), EXOGPU_INVALID_ARGUMENT, "count is a null pointer");
  expect_error(exogpu_device_list({}, nullptr, 0, &count), EXOGPU_INVALID_ARGUMENT, "is 0, which names nothing");
  expect_error(exogpu_device_list({cpu.id}, nullptr, 0, &count), EXOGPU_INVALID_ARGUMENT, "names a device");
  expect_error(exogpu_device_list({context.id + 1000}, nullptr, 0, &count), EXOGPU_INVALID_ARGUMENT,
               "was never given out");
  expect_error(exogpu_context_open(nullptr, nullptr), EXOGPU_INVALID_ARGUMENT, "context is a null pointer");
  exogpu_context_options options{};
  exogpu_context other{};
  expect_error(exogpu_context_open(&options, &other), EXOGPU_INVALID_ARGUMENT, "struct_size is 0");
  options.struct_size = sizeof options;
  options.backend = "abacus";
  expect_error(exogpu_context_open(&options, &other), EXOGPU_NOT_FOUND, "CPU");
}

TEST_F(CapiTest, WhatBelongsToAClosedContextSaysSo) {
  const exogpu_buffer buffer = allocate(64);
  ASSERT_OK(exogpu_context_close(context));
  expect_error(exogpu_buffer_free(buffer), EXOGPU_FAILED_PRECONDITION, "which was closed");
  exogpu_buffer next{};
  expect_error(exogpu_buffer_allocate(cpu, 1, &next), EXOGPU_FAILED_PRECONDITION, "which was closed");
  expect_error(exogpu_context_close(context), EXOGPU_FAILED_PRECONDITION, "which was closed");
  context = {};
}

TEST_F(CapiTest, TwoContextsDoNotShareWhatBelongsToThem) {
  exogpu_context_options options{};
  options.struct_size = sizeof options;
  options.cpu_only = 1;
  exogpu_context second{};
  ASSERT_OK(exogpu_context_open(&options, &second));
  exogpu_device device{};
  ASSERT_OK(exogpu_device_find(second, "cpu", &device));
  EXPECT_NE(device.id, cpu.id);
  exogpu_buffer other{};
  ASSERT_OK(exogpu_buffer_allocate(device, 64, &other));
  const exogpu_buffer own = allocate(64);
  expect_error(exogpu_buffer_copy(own, 0, other, 0, 64), EXOGPU_INVALID_ARGUMENT, "of context");
  ASSERT_OK(exogpu_context_close(second));
  expect_error(exogpu_buffer_copy(own, 0, other, 0, 64), EXOGPU_FAILED_PRECONDITION, "which was closed");
  char bytes[64] = {};
  EXPECT_OK(exogpu_buffer_upload(own, 0, bytes, 64));
}

TEST_F(CapiTest, ContextsOpenAndCloseOnManyThreads) {
  const size_t before = handles().size();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      exogpu_context_options options{};
      options.struct_size = sizeof options;
      options.cpu_only = 1;
      exogpu_context own{};
      EXPECT_OK(exogpu_context_open(&options, &own));
      exogpu_device device{};
      EXPECT_OK(exogpu_device_find(own, "cpu", &device));
      exogpu_buffer buffer{};
      EXPECT_OK(exogpu_buffer_allocate(device, 128, &buffer));
      EXPECT_OK(exogpu_context_close(own));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(handles().size(), before);
}

TEST_F(CapiTest, AForkIsRefused) {
  const pid_t child = fork();
  if (child == 0) {
    size_t count = 0;
    const exogpu_code code = exogpu_device_list(context, nullptr, 0, &count);
    _exit(code == EXOGPU_FAILED_PRECONDITION && std::string_view(exogpu_last_error()).contains("fork") ? 0 : 1);
  }
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  size_t count = 0;
  EXPECT_OK(exogpu_device_list(context, nullptr, 0, &count));
}

TEST(Errors, HaveNamesAndAMessageOfEachThread) {
  EXPECT_STREQ(exogpu_code_name(EXOGPU_OK), "ok");
  EXPECT_STREQ(exogpu_code_name(EXOGPU_INVALID_ARGUMENT), "invalid_argument");
  EXPECT_STREQ(exogpu_code_name(EXOGPU_INTERNAL), "internal");
  EXPECT_STREQ(exogpu_code_name(99), "unknown");
  EXPECT_STREQ(exogpu_code_name(-1), "unknown");
  expect_error(exogpu_context_close({}), EXOGPU_INVALID_ARGUMENT, "context handle");
  std::thread([] { EXPECT_STREQ(exogpu_last_error(), ""); }).join();
  EXPECT_FALSE(std::string_view(exogpu_version()).empty());
  exogpu_free(nullptr);
}

TEST(Errors, ALongMessageIsCutBetweenCharacters) {
  std::string text(2046, 'a');
  text += "\u00e9";
  EXPECT_EQ(record(ErrorCode::internal, text), EXOGPU_INTERNAL);
  EXPECT_EQ(std::string_view(exogpu_last_error()), text.substr(0, 2046));
}

TEST(Errors, NothingIsThrownAcross) {
  EXPECT_EQ(call([]() -> Result<void> { throw std::bad_alloc(); }), EXOGPU_OUT_OF_MEMORY);
  EXPECT_EQ(call([]() -> Result<void> { throw std::runtime_error("this is why"); }), EXOGPU_INTERNAL);
  EXPECT_STREQ(exogpu_last_error(), "this is why");
  EXPECT_EQ(call([]() -> Result<void> { throw 1; }), EXOGPU_INTERNAL);
}

struct Grown {
  size_t struct_size;
  uint32_t first, second;
};

TEST(Structs, AreReadAndWrittenNoFurtherThanBothSidesKnow) {
  struct Newer {
    Grown known;
    uint64_t unknown;
  } newer{.known = {.struct_size = sizeof(Newer), .first = 1, .second = 2}, .unknown = 0};
  const auto read = read_struct(&newer.known, Grown{}, "grown");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->second, 2U);
  newer.unknown = 5;
  const auto refused = read_struct(&newer.known, Grown{}, "grown");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  ASSERT_TRUE(write_struct(&newer.known, Grown{.struct_size = 0, .first = 7, .second = 8}, "grown"));
  EXPECT_EQ(newer.known.struct_size, sizeof(Newer));
  EXPECT_EQ(newer.known.second, 8U);
  EXPECT_EQ(newer.unknown, 5U);
  char text[4];
  write_text(text, "abcdef");
  EXPECT_STREQ(text, "abc");
}

}  // namespace
}  // namespace exogpu::capi::testing
