#include "api/page/page_routes.h"

#include <gtest/gtest.h>

#include "api/page/assets.h"
#include "api/surface/content_coding.h"
#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

constexpr const char* kHtml = "Accept: text/html,*/*;q=0.8\r\n";

std::string unpacked(const std::string& gzip) {
  std::string storage;
  const auto plain = decoded_body(gzip, "gzip", 16 * MiB, storage);
  return plain ? std::string(*plain) : std::string();
}

std::string first_script() {
  for (const Asset& asset : page_assets()) {
    if (asset.path.ends_with(".js")) return "/" + std::string(asset.path);
  }
  return {};
}

TEST_F(Api, BrowsersGetThePageAndProgramsALine) {
  Client client(port());
  const Response page = client.get("/", kHtml);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.fields.at("content-type"), "text/html; charset=utf-8");
  EXPECT_TRUE(page.body.starts_with("<!doctype html>")) << page.body.substr(0, 100);
  EXPECT_FALSE(page.fields.contains("content-encoding"));
  EXPECT_EQ(page.fields.at("cache-control"), "no-cache");
  EXPECT_EQ(client.get("/").body, "exogpu is running\n");
}

TEST_F(Api, FilesOfThePageAreSentCompressedAndOnce) {
  Client client(port());
  const std::string script = first_script();
  ASSERT_FALSE(script.empty());
  const Response plain = client.get(script);
  const Response gzip = client.get(script, "Accept-Encoding: br, gzip\r\n");
  EXPECT_EQ(gzip.fields.at("content-encoding"), "gzip");
  EXPECT_EQ(unpacked(gzip.body), plain.body);
  EXPECT_LT(gzip.body.size(), 400 * KiB);
  EXPECT_EQ(gzip.fields.at("content-type"), "text/javascript; charset=utf-8");
  EXPECT_TRUE(gzip.fields.at("cache-control").contains("immutable"));
  const Response again = client.get(script, "If-None-Match: " + gzip.fields.at("etag") + "\r\n");
  EXPECT_EQ(again.status, 304);
  EXPECT_TRUE(again.body.empty());
  client.send(Client::request("HEAD", script));
  EXPECT_EQ(client.read(false).status, 200);
  expect_error(client.get("/assets/../etc/passwd"), 404, "unknown_url", "no file");
}

TEST_F(Api, ThePageNeedsNoKeyAndRunsOnlyItsOwnFiles) {
  ServerOptions options;
  options.api_keys = {"secret"};
  serve(options);
  const Response page = Client(port()).get("/", kHtml);
  EXPECT_EQ(page.status, 200);
  const std::string& policy = page.fields.at("content-security-policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self';")) << policy;
  EXPECT_TRUE(policy.contains("connect-src 'self' http://10.9.8.7:8080;")) << policy;
  EXPECT_FALSE(policy.contains("unsafe")) << policy;
  EXPECT_EQ(page.fields.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(Client(port()).get("/v1/cluster").status, 401);
}

TEST(PagePolicy, AMembersAddressCannotChangeIt) {
  node::ClusterSnapshot cluster;
  for (const char* url : {"http://a.b:1; script-src *", "http://a 'unsafe-inline'", "javascript:1", "http://",
                          "https://desk.local:8080", "http://[fe80::1]:80", "http://x/path", "http://u@h"}) {
    cluster.nodes.push_back({.id = {}, .name = "x", .api_url = url});
  }
  EXPECT_TRUE(page_policy(cluster).contains("connect-src 'self' https://desk.local:8080 http://[fe80::1]:80; base-uri"))
      << page_policy(cluster);
}

TEST(AcceptEncoding, GzipIsAskedForInManyWays) {
  for (const char* yes : {"gzip", "gzip, br", "br;q=1, gzip;q=0.5", "*", " gzip ; q=1.0"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const char* no : {"", "br", "identity", "gzip;q=0", "gzip; q=0.000", "xgzip"})
    EXPECT_FALSE(accepts_gzip(no)) << no;
}

TEST_F(Api, PagesOfOtherMembersMayAskAndStrangersMayNot) {
  Client client(port());
  const Response member = client.get("/v1/cluster", "Origin: http://10.9.8.7:8080\r\n");
  EXPECT_EQ(member.status, 200);
  EXPECT_EQ(member.fields.at("access-control-allow-origin"), "http://10.9.8.7:8080");
  const Response stranger = client.get("/v1/cluster", "Origin: http://10.9.8.7:8081\r\n");
  EXPECT_EQ(stranger.status, 403);
  EXPECT_FALSE(stranger.fields.contains("access-control-allow-origin"));
}

}  // namespace
}  // namespace exogpu::api
