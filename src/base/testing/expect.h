// Checks of errors for tests.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "base/result.h"

namespace exogpu::testing {

// Expects that it failed with this code and that the message contains these words.
template <typename T>
void expect_error(const Result<T>& result, ErrorCode code, std::string_view words) {
  ASSERT_FALSE(result) << "accepted, but expected: " << words;
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_NE(result.error().message.find(words), std::string_view::npos) << result.error().message;
}

}  // namespace exogpu::testing
