#include "api/session.h"

#include <gtest/gtest.h>

#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

constexpr SessionRequest kOwn{.method = "POST",
                              .host = "desk:8080",
                              .origin = "http://desk:8080",
                              .fetch_site = "same-origin",
                              .cookies = "a=b; exogpu_key=exo-1; c=d"};

TEST(Session, TheCookieCountsForTheOwnPage) {
  EXPECT_EQ(session_key(kOwn), "exo-1");
  SessionRequest read = kOwn;
  read.method = "GET";
  read.origin = read.fetch_site = {};
  EXPECT_EQ(session_key(read), "exo-1") << "a browser names no origin where a page reads from its own over HTTP";
  for (const std::string_view cookies : {"", ";", "exogpu_key", "xexogpu_key=1", "a=exogpu_key=1"}) {
    SessionRequest none = kOwn;
    none.cookies = cookies;
    EXPECT_EQ(session_key(none), "") << cookies;
  }
}

TEST(Session, TheCookieCountsForNoOtherPage) {
  for (const std::string_view origin : {"http://desk:3000", "https://evil.example", "null", "", "http://desk"}) {
    SessionRequest foreign = kOwn;
    foreign.origin = origin;
    EXPECT_EQ(session_key(foreign), "") << origin;
  }
  for (const std::string_view site : {"same-site", "cross-site", "none"}) {
    SessionRequest foreign = kOwn;
    foreign.method = "GET";
    foreign.origin = {};
    foreign.fetch_site = site;
    EXPECT_EQ(session_key(foreign), "") << site;
  }
}

TEST(Session, NoScriptReadsTheCookie) {
  EXPECT_EQ(session_cookie("exo-1"), "exogpu_key=exo-1; Path=/; HttpOnly; SameSite=Strict");
  EXPECT_EQ(session_cookie(""), "exogpu_key=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
  EXPECT_EQ(session_cookie("a; Domain=x"), "exogpu_key=; Path=/; HttpOnly; SameSite=Strict") << "no key is like that";
}

class SessionRoutes : public Api {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.api_keys = {"sesame"};
    serve(options);
  }
  Response send(std::string_view method, std::string_view target, std::string_view fields) {
    Client client(port());
    EXPECT_TRUE(client.send(Client::request(method, target, {}, fields)));
    return client.read();
  }
};

TEST_F(SessionRoutes, SigningInAndOut) {
  const std::string origin = "Origin: http://test\r\n", cookie = "Cookie: exogpu_key=sesame\r\n";
  EXPECT_EQ(send("GET", "/v1/session", "").status, 401);
  EXPECT_EQ(send("POST", "/v1/session", origin + "Authorization: Bearer wrong\r\n").status, 401);
  const Response in = send("POST", "/v1/session", origin + "Authorization: Bearer sesame\r\n");
  EXPECT_EQ(in.status, 200) << in.body;
  EXPECT_EQ(in.fields.at("set-cookie"), "exogpu_key=sesame; Path=/; HttpOnly; SameSite=Strict");
  EXPECT_EQ(send("GET", "/v1/session", cookie).json(), json::parse(R"({"name": null, "scopes": "admin"})"));
  EXPECT_EQ(send("GET", "/v1/cluster", cookie).status, 200);
  EXPECT_EQ(send("GET", "/v1/cluster", cookie + "Sec-Fetch-Site: cross-site\r\n").status, 401);
  EXPECT_EQ(send("POST", "/v1/models/unload", cookie).status, 401) << "who sends it?";
  EXPECT_EQ(send("POST", "/v1/session", cookie + origin).status, 400) << "a key is sent to sign in";
  const Response out = send("DELETE", "/v1/session", "Cookie: exogpu_key=wrong\r\n");
  EXPECT_EQ(out.status, 200) << "also with a key that has ended";
  EXPECT_TRUE(out.fields.at("set-cookie").ends_with("Max-Age=0"));
}

}  // namespace
}  // namespace exogpu::api
