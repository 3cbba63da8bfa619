#include "hub/listing.h"

#include <gtest/gtest.h>

#include "hub/content_range.h"

namespace exogpu::hub {
namespace {

const std::string kHash(64, 'a');

TEST(Listing, GgufFilesOnly) {
  const auto files = parse_listing(R"([{"type":"file","oid":"1","size":10,"path":"README.md"},
      {"type":"directory","oid":"2","size":0,"path":"x.gguf"},
      {"type":"file","size":20,"path":"a/b.gguf","lfs":{"oid":")" +
                                       kHash + R"(","size":20,"pointerSize":1}},
      {"type":"file","size":3,"path":"c.gguf","lfs":{"oid":"sha256:zz"},"more":[1]}])",
                                   "hub");
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ(files->at(0).path, "a/b.gguf");
  EXPECT_EQ(files->at(0).bytes, 20u);
  EXPECT_EQ(files->at(0).sha256, kHash);
  EXPECT_EQ(files->at(1).sha256, "");
}

TEST(Listing, NoPathLeadsOutOfTheFolder) {
  const auto files = parse_listing(R"([{"type":"file","size":1,"path":"../a.gguf"},
      {"type":"file","size":1,"path":"/a.gguf"},{"type":"file","size":1,"path":"b/../../a.gguf"}])",
                                   "hub");
  ASSERT_TRUE(files);
  EXPECT_TRUE(files->empty());
}

TEST(Listing, WhatIsNone) {
  for (const char* text :
       {"", "{}", "null", "[1]", "[", R"([{"type":"file","path":"a.gguf"}])",
        R"([{"type":"file","path":"a.gguf","size":-1}])", R"([{"type":"file","path":"a.gguf","size":1.5}])"})
    EXPECT_EQ(parse_listing(text, "hub").error_or(Error{}).code, ErrorCode::corrupt) << text;
  const std::string deep(200'000, '[');
  EXPECT_FALSE(parse_listing(deep, "hub"));
}

TEST(Listing, NextPage) {
  EXPECT_EQ(next_page(R"(<https://h/x?cursor=1>; rel="next")"), "https://h/x?cursor=1");
  EXPECT_EQ(next_page(R"(<a>; rel="prev", <b>; rel="next")"), "b");
  for (const char* none : {"", "<a>", "<a>; rel=\"last\"", "next", ">a<; rel=\"next\""})
    EXPECT_EQ(next_page(none), "") << none;
}

TEST(Listing, Search) {
  EXPECT_EQ(parse_search(R"([{"id":"o/r"},{"id":"../x"},{"id":1},2])"), std::vector<std::string>{"o/r"});
  EXPECT_TRUE(parse_search("{}").empty());
}

TEST(ContentRangeHeader, IsRead) {
  const auto range = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 5u);
  EXPECT_EQ(range->last, 9u);
  EXPECT_EQ(range->total, 10u);
  EXPECT_EQ(parse_content_range("bytes 0-0/*")->total, std::nullopt);
  for (const char* text : {"", "bytes 5-9", "bytes 5-10/10", "bytes 6-5/10", "bytes */10", "items 0-1/2",
                           "bytes -1-2/3", "bytes 0-18446744073709551616/*", "bytes 0 - 1/2", "bytes 0-1/x"})
    EXPECT_FALSE(parse_content_range(text)) << text;
}

}  // namespace
}  // namespace exogpu::hub
