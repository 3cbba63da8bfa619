// For tests of the calls of exogpu.h.
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "exogpu/exogpu.h"

namespace exogpu::capi::testing {

#define EXPECT_OK(expression) EXPECT_EQ(expression, EXOGPU_OK) << exogpu_last_error()
#define ASSERT_OK(expression) ASSERT_EQ(expression, EXOGPU_OK) << exogpu_last_error()

// Expects that the call failed with this code, and that its message has these words.
inline void expect_error(exogpu_code result, exogpu_code code, std::string_view words) {
  EXPECT_EQ(result, code) << exogpu_code_name(result) << ": " << exogpu_last_error();
  if (result == EXOGPU_OK) return;
  EXPECT_TRUE(std::string_view(exogpu_last_error()).contains(words)) << exogpu_last_error();
}

// Takes a text that the library returned.
inline std::string taken(char* text) {
  std::string copy = text == nullptr ? "" : text;
  exogpu_free(text);
  return copy;
}

// A context with the CPU alone.
class CapiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    exogpu_context_options options{};
    options.struct_size = sizeof options;
    options.cpu_only = 1;
    ASSERT_OK(exogpu_context_open(&options, &context));
    ASSERT_OK(exogpu_device_find(context, "cpu", &cpu));
  }
  void TearDown() override {
    if (context.id == 0) return;
    EXPECT_OK(exogpu_context_close(context));
  }
  exogpu_buffer allocate(uint64_t size) {
    exogpu_buffer buffer{};
    EXPECT_OK(exogpu_buffer_allocate(cpu, size, &buffer));
    return buffer;
  }
  // Waits for the ticket, frees it, and returns the operation's code.
  static exogpu_code finish(exogpu_ticket ticket) {
    const exogpu_code code = exogpu_ticket_wait(ticket, -1);
    const std::string message = exogpu_last_error();
    EXPECT_EQ(exogpu_ticket_free(ticket), EXOGPU_OK);
    return code;
  }

  exogpu_context context{};
  exogpu_device cpu{};
};

}  // namespace exogpu::capi::testing
