#include "api/routes.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

TEST(Origin, PagesOfThisMachineAndThoseAllowed) {
  ServerOptions options;
  const auto allowed = [&](std::string_view origin, std::string_view host = "localhost:8080") {
    return origin_allowed(origin, host, options);
  };
  EXPECT_TRUE(allowed(""));
  EXPECT_TRUE(allowed("http://localhost:3000"));
  EXPECT_TRUE(allowed("https://127.0.0.1"));
  EXPECT_TRUE(allowed("http://[::1]:5173"));
  EXPECT_FALSE(allowed("https://example.com"));
  EXPECT_FALSE(allowed("null"));
  EXPECT_FALSE(allowed("http://localhost.example.com"));
  EXPECT_FALSE(allowed("http://localhost@example.com"));
  EXPECT_FALSE(allowed("http://127.0.0.1.example.com:80"));
  EXPECT_FALSE(allowed("file://localhost"));
  EXPECT_FALSE(allowed("chrome-extension://abcdefgh"));
  EXPECT_FALSE(allowed("https://app://obsidian.md"));
  for (const char* program : {"app://obsidian.md", "tauri://localhost", "vscode-webview://x"}) {
    EXPECT_TRUE(allowed(program)) << program;
  }
  // The server's own pages, under a name that no foreign DNS server can resolve.
  EXPECT_TRUE(allowed("http://192.168.1.5:8080", "192.168.1.5:8080"));
  EXPECT_TRUE(allowed("http://attic:8080", "attic:8080"));
  EXPECT_TRUE(allowed("http://attic.local:8080", "attic.local:8080"));
  EXPECT_FALSE(allowed("http://attic:8080", "cellar:8080"));
  EXPECT_FALSE(allowed("http://rebound.example.com:8080", "rebound.example.com:8080"));
  options.origins = {"https://example.com"};
  EXPECT_TRUE(allowed("https://example.com"));
  EXPECT_FALSE(allowed("https://example.com:444"));
  options.origins = {"*"};
  EXPECT_TRUE(allowed("null"));
}

TEST(ApiError, EveryErrorOfTheNodeHasItsStatus) {
  EXPECT_EQ(to_api_error({ErrorCode::invalid_argument, ""}).status, 400u);
  EXPECT_EQ(to_api_error({ErrorCode::resource_exhausted, ""}).code, "context_length_exceeded");
  EXPECT_EQ(to_api_error({ErrorCode::not_found, ""}).code, "model_not_found");
  EXPECT_EQ(to_api_error({ErrorCode::unavailable, ""}).status, 503u);
  EXPECT_EQ(to_api_error({ErrorCode::internal, ""}).type, "server_error");
  EXPECT_EQ(to_json({.message = "broken \xff text"}),
            R"({"error":{"message":"broken )"
            "\xEF\xBF\xBD"
            R"( text","type":"invalid_request_error","param":null,"code":null}})");
}

}  // namespace
}  // namespace exogpu::api
