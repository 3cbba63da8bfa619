#include "hub/reference.h"

#include <gtest/gtest.h>

namespace exogpu::hub {
namespace {

TEST(Reference, Repositories) {
  auto plain = parse_reference("Org-1/Repo_2.x-GGUF");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->repository, "Org-1/Repo_2.x-GGUF");
  EXPECT_EQ(plain->choice, "");
  auto chosen = parse_reference("o/r:Q4_K_M/m-00001-of-00002.gguf");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->repository, "o/r");
  EXPECT_EQ(chosen->choice, "Q4_K_M/m-00001-of-00002.gguf");
  for (const char* text : {"hf:o/r:Q8_0", "hf.co/o/r:Q8_0"}) {
    const auto prefixed = parse_reference(text);
    ASSERT_TRUE(prefixed) << text;
    EXPECT_EQ(prefixed->repository + " " + prefixed->choice, "o/r Q8_0");
  }
}

TEST(Reference, Addresses) {
  auto address = parse_reference("http://h/a/b.gguf?download=true");
  ASSERT_TRUE(address) << address.error().message;
  EXPECT_EQ(address->repository, "");
  EXPECT_EQ(address->url.text(), "http://h/a/b.gguf?download=true");
}

TEST(Reference, WhatIsNone) {
  for (const char* text :
       {"", "r", "hf:", "hf:r", "o/", "/r", "o/r/x", "o/r:", "o/../x", "../r", "o/r:../x", "o r/x", "o/r:/etc",
        "o/r:a\n", "http://h/a.bin", "http://h/", "http://h/.gguf", "ftp://h/a.gguf", "http://h/%2e%2e.gguf"})
    EXPECT_EQ(parse_reference(text).error_or(Error{}).code, ErrorCode::invalid_argument) << text;
}

TEST(Reference, SafePaths) {
  for (const char* path : {"a", "a/b c.gguf", "\xc3\xa4"}) EXPECT_TRUE(is_safe_path(path)) << path;
  for (const char* path : {"", "/a", "a/", "a//b", "..", "a/..", ".hidden", "a/.b", "a\\b", "a\x01", "\xff"})
    EXPECT_FALSE(is_safe_path(path)) << path;
  EXPECT_FALSE(is_safe_path(std::string(201, 'a')));
}

}  // namespace
}  // namespace exogpu::hub
