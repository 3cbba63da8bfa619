#include "api/surface/query.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

TEST(Target, OfAPathOrAnAbsoluteAddress) {
  for (const char* target : {"/v1/models", "/v1/models/", "http://host:8080/v1/models", "HTTPS://host/v1/models?a=1",
                             "/v1/models?x#y", "/v1/models#x"}) {
    EXPECT_EQ(split_target(target).path, "/v1/models") << target;
  }
  EXPECT_EQ(split_target("http://host").path, "/");
  EXPECT_EQ(split_target("http://host?a=b").path, "/");
  EXPECT_EQ(split_target("http://host?a=b").query, "a=b");
  EXPECT_EQ(split_target("/").path, "/");
  EXPECT_EQ(split_target("*").path, "*");
  EXPECT_EQ(split_target("").path, "/");
  EXPECT_EQ(split_target("//x/y").path, "//x/y");
}

TEST(Query, ValuesAreDecoded) {
  EXPECT_EQ(query_value("a=1&model=x%20y+z&b", "model"), "x y z");
  EXPECT_EQ(query_value("a=1", "b"), "");
  EXPECT_EQ(query_value("b&a=", "b"), "");
  EXPECT_EQ(query_value("", "a"), "");
  EXPECT_EQ(percent_decoded("%2F%zz%4"), "/%zz%4");
}

}  // namespace
}  // namespace exogpu::api
