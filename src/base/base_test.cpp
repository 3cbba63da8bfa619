#include <gtest/gtest.h>

#include "base/error.h"
#include "base/result.h"
#include "base/strong.h"
#include "base/units.h"

namespace exogpu {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorCode::invalid_argument, "{} is odd", n);
  return n / 2;
}

Result<int> quarter(int n) {
  EXO_TRY(int h, half(n));
  EXO_TRY(int q, half(h));
  return q;
}

TEST(Result, TryPassesValuesAndErrors) {
  EXPECT_EQ(quarter(8), 2);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
  EXPECT_EQ(to_string(quarter(6).error().code), "invalid_argument");
}

TEST(Units, BytesReadLikeAPersonWritesThem) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.00 KiB");
  EXPECT_EQ(format_bytes(1536 * MiB), "1.50 GiB");
  EXPECT_EQ(format_bytes(100 * GiB), "100 GiB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "16.0 EiB");
}

TEST(Units, CountsHaveThousandsSeparators) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
}

TEST(Strong, IdsOfDifferentKindsDoNotMix) {
  using A = Strong<int, struct ATag>;
  using B = Strong<int, struct BTag>;
  static_assert(!std::is_convertible_v<A, B>);
  static_assert(!std::is_convertible_v<int, A>);
  EXPECT_LT(A(1), A(2));
  EXPECT_EQ(A(3).value(), 3);
}

}  // namespace
}  // namespace exogpu
