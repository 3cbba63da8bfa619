#include "security/join_token.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "security/hash.h"

namespace exogpu::security {
namespace {

JoinToken some_token() {
  std::array<uint8_t, wire::kKeyHashBytes> cluster;
  for (size_t i = 0; i < cluster.size(); ++i) cluster[i] = static_cast<uint8_t>(i * 37);
  JoinToken token{.secret = {}, .cluster = wire::ClusterId(cluster)};
  EXPECT_TRUE(random_bytes(token.secret));
  return token;
}

TEST(JoinToken, IsReadAsItIsWritten) {
  const JoinToken token = some_token();
  const std::string text = token.text();
  EXPECT_EQ(text.size(), 48u + 7u);
  for (const std::string& form : {text, "  " + text + "\n"}) {
    const auto read = JoinToken::parse(form);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->secret, token.secret);
    EXPECT_EQ(read->cluster, token.cluster);
  }
  std::string upper = text;
  std::erase(upper, '-');
  std::ranges::transform(upper, upper.begin(), [](unsigned char letter) { return std::toupper(letter); });
  ASSERT_TRUE(JoinToken::parse(upper));
  EXPECT_EQ(JoinToken::parse(upper)->secret, token.secret);
}

TEST(JoinToken, ErrorsNameTheCause) {
  const std::string text = some_token().text();
  auto expect = [](std::string_view token, std::string_view words) {
    const auto read = JoinToken::parse(token);
    ASSERT_FALSE(read) << token;
    EXPECT_EQ(read.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(read.error().message.find(words), std::string::npos) << read.error().message;
  };
  expect("", "has 0 letters and digits instead of 48");
  expect(text.substr(0, 20), "instead of 48; copy all of it");
  expect(text + "aa", "has 50 letters");
  expect("0" + text.substr(1), "an invalid character");
  // Detects any one wrong letter, except 1 in 65,536.
  int unnoticed = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-') continue;
    std::string wrong = text;
    wrong[i] = wrong[i] == 'q' ? 'r' : 'q';
    const auto read = JoinToken::parse(wrong);
    if (read) {
      ++unnoticed;
    } else {
      EXPECT_NE(read.error().message.find("typo"), std::string::npos);
    }
  }
  EXPECT_LE(unnoticed, 1);
}

}  // namespace
}  // namespace exogpu::security
