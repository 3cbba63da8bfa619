#include "api/generation/answer_store.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

StoredAnswer answer(std::string text) {
  return {.messages = {{.role = "assistant", .text = std::move(text)}}, .body = "{}"};
}

TEST(AnswerStore, TheLeastRecentlyUsedGoes) {
  AnswerStore store(2, 1 * MiB);
  store.put("a", answer("A"));
  store.put("b", answer("B"));
  ASSERT_NE(store.find("a"), nullptr);
  store.put("c", answer("C"));
  EXPECT_EQ(store.find("b"), nullptr);
  EXPECT_EQ(store.find("a")->messages.front().text, "A");
  EXPECT_EQ(store.find("c")->messages.front().text, "C");
  EXPECT_TRUE(store.erase("a"));
  EXPECT_FALSE(store.erase("a"));
  store.put("c", answer("C2"));
  EXPECT_EQ(store.find("c")->messages.front().text, "C2");
  EXPECT_EQ(store.size(), 1U);
  store.erase("c");
  EXPECT_EQ(store.bytes(), 0U);
}

TEST(AnswerStore, ItsBytesAreBounded) {
  AnswerStore store(100, 64 * KiB);
  for (int i = 0; i < 50; ++i) {
    store.put(std::to_string(i), answer(std::string(10'000, 'x')));
    EXPECT_LE(store.bytes(), 64 * KiB);
  }
  EXPECT_GE(store.size(), 4U);
  EXPECT_LE(store.size(), 6U);
  store.put("large", answer(std::string(70'000, 'x')));
  EXPECT_EQ(store.find("large"), nullptr);
  EXPECT_GE(store.size(), 4U);
}

}  // namespace
}  // namespace exogpu::api
