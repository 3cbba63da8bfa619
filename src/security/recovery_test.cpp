#include "security/recovery.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing/expect.h"

namespace exogpu::security {
namespace {

using exogpu::testing::expect_error;

TEST(Recovery, ThePhraseGivesTheKeyBack) {
  for (int i = 0; i < 20; ++i) {
    const auto key = PrivateKey::generate().value();
    const std::string phrase = recovery_phrase(key).value();
    ASSERT_EQ(phrase.size(), 14U * 4 + 13);
    const auto back = recover_key(phrase).value();
    EXPECT_EQ(back.node_id(), key.node_id());
    EXPECT_TRUE(back.is_complete());
  }
}

TEST(Recovery, IsReadAsPeopleWriteIt) {
  const auto key = PrivateKey::generate().value();
  std::string phrase = recovery_phrase(key).value();
  std::ranges::replace(phrase, '-', ' ');
  std::ranges::replace(phrase, '0', 'o');
  std::ranges::replace(phrase, '1', 'l');
  std::ranges::transform(phrase, phrase.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  EXPECT_EQ(recover_key(phrase + "\n").value().node_id(), key.node_id());
}

TEST(Recovery, EveryMistypedCharacterIsNoticed) {
  const std::string phrase = recovery_phrase(PrivateKey::generate().value()).value();
  for (size_t i = 0; i < phrase.size(); ++i) {
    if (phrase[i] == '-') continue;
    std::string wrong = phrase;
    wrong[i] = wrong[i] == 'Z' ? 'Y' : 'Z';
    expect_error(recover_key(wrong), ErrorCode::invalid_argument, "mistyped");
  }
  expect_error(recover_key(""), ErrorCode::invalid_argument, "these are 0 characters");
  expect_error(recover_key(phrase + "2"), ErrorCode::invalid_argument, "these are 57 characters");
  expect_error(recover_key("U" + phrase), ErrorCode::invalid_argument, "U: not a character");
}

}  // namespace
}  // namespace exogpu::security
