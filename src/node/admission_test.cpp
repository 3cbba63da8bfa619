#include "node/admission.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/testing/expect.h"
#include "base/testing/temp_dir.h"
#include "security/pairing/store.h"

namespace exogpu::node {
namespace {

using exogpu::testing::expect_error;
using exogpu::testing::TempDir;

TEST(Admission, ACodeIsShownAndEndsAsItsGuess) {
  for (const bool right : {true, false}) {
    const TempDir dir;
    const auto shown = admit(dir.path(), {.action = AdmissionAction::show});
    ASSERT_TRUE(shown) << shown.error().message;
    EXPECT_EQ(shown->code.size(), 6U);
    EXPECT_EQ(shown->state, AdmissionState::waiting);
    const security::PairingStore store(dir.path());
    const auto code = security::PairingCode::parse(shown->code).value();
    ASSERT_TRUE(store.settle(code, right, "laptop", std::chrono::system_clock::now()));
    const auto after = admit(dir.path(), {.action = AdmissionAction::look, .code = shown->code});
    ASSERT_TRUE(after);
    EXPECT_EQ(after->state, right ? AdmissionState::paired : AdmissionState::wrong);
    EXPECT_EQ(after->newcomer, right ? "laptop" : "");
  }
}

TEST(Admission, ANewcomersCodeIsApprovedAndWithdrawn) {
  const TempDir dir;
  const auto approved = admit(dir.path(), {.action = AdmissionAction::approve, .code = "012 345"});
  ASSERT_TRUE(approved) << approved.error().message;
  EXPECT_EQ(approved->code, "012345");
  EXPECT_EQ(approved->state, AdmissionState::waiting);
  const auto withdrawn = admit(dir.path(), {.action = AdmissionAction::withdraw, .code = "012345"});
  ASSERT_TRUE(withdrawn);
  EXPECT_EQ(withdrawn->state, AdmissionState::withdrawn);
  expect_error(admit(dir.path(), {.action = AdmissionAction::approve, .code = "12"}), ErrorCode::invalid_argument,
               "this has 2");
}

}  // namespace
}  // namespace exogpu::node
