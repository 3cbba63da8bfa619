#include "hub/url.h"

#include <gtest/gtest.h>

namespace exogpu::hub {
namespace {

std::string parsed(std::string_view text) {
  auto url = Url::parse(text);
  return url ? url->text() : "error: " + url.error().message;
}

TEST(Url, IsReadAndWritten) {
  EXPECT_EQ(parsed("https://Hub.Example/a/b?c=d#e"), "https://hub.example/a/b?c=d");
  EXPECT_EQ(parsed("HTTP://h"), "http://h/");
  EXPECT_EQ(parsed("http://h:80?x"), "http://h/?x");
  EXPECT_EQ(parsed("http://h:8080/"), "http://h:8080/");
  EXPECT_EQ(parsed("https://[::1]:8443/x"), "https://[::1]:8443/x");
  EXPECT_EQ(parsed("http://h/a b/\xc3\xa4%20\"<"), "http://h/a%20b/%C3%A4%20%22%3C");
  EXPECT_EQ(parsed("http://h/a/../../b/./c/.."), "http://h/b/");
  EXPECT_EQ(Url::parse("http://h/a%20b.gguf?x")->path(), "/a b.gguf");
  EXPECT_EQ(Url::parse("http://h/%zz%4")->path(), "/%zz%4");
}

TEST(Url, WhatIsNone) {
  for (const char* text :
       {"", "h", "ftp://h/", "https://", "https:///x", "http://h:0/", "http://h:70000/", "http://h:x/", "http://h:1:2/",
        "http://a b/", "http://[::1/", "http://[]/", "http://h/a\nb", "http://h/\x7f", "http://[::1]x/"})
    EXPECT_TRUE(parsed(text).starts_with("error: ")) << text << " is " << parsed(text);
  EXPECT_FALSE(parsed("https://me:secret@h/").contains("secret"));
  EXPECT_TRUE(parsed("https://h/" + std::string(10'000, 'a')).contains("too long"));
}

TEST(Url, References) {
  const Url base = *Url::parse("https://h:1/a/b?q");
  const auto resolved = [&](std::string_view reference) { return base.resolve(reference)->text(); };
  EXPECT_EQ(resolved("http://o/x"), "http://o/x");
  EXPECT_EQ(resolved("//o/x"), "https://o/x");
  EXPECT_EQ(resolved("/x?y"), "https://h:1/x?y");
  EXPECT_EQ(resolved("x"), "https://h:1/a/x");
  EXPECT_EQ(resolved("../x"), "https://h:1/x");
  EXPECT_EQ(resolved("?z"), "https://h:1/a/b?z");
  EXPECT_FALSE(base.resolve("ftp://o/x"));
  EXPECT_FALSE(base.resolve("javascript:x"));
}

TEST(Url, Origins) {
  const Url url = *Url::parse("https://h/a");
  EXPECT_TRUE(url.same_origin(*Url::parse("https://H:443/b")));
  for (const char* other : {"http://h/a", "https://h:444/a", "https://o/a"})
    EXPECT_FALSE(url.same_origin(*Url::parse(other)));
  EXPECT_TRUE(Url::parse("http://127.0.0.1:80/")->is_loopback());
  for (const char* other : {"http://128.0.0.1/", "http://127.evil.example/"})
    EXPECT_FALSE(Url::parse(other)->is_loopback()) << other;
}

}  // namespace
}  // namespace exogpu::hub
