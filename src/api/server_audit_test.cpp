// What the server reports to the node's audit, over HTTP.
#include "api/testing/api_fixture.h"

namespace exogpu::api::testing {
namespace {

class AuditedApi : public Api {
 protected:
  json entries() { return Client(port()).get("/v1/audit").json().at("entries"); }
  std::string last() { return entries().back().dump(); }
};

TEST_F(AuditedApi, ChangesAreRecordedWithTheirSenderAndTheirResult) {
  Client client(port());
  const std::string key = post("/v1/keys", {{"name", "laptop"}, {"scopes", "models"}}).json().at("key");
  EXPECT_TRUE(last().contains(R"("who":"local")") && last().contains(R"("action":"POST /v1/keys")") &&
              last().contains(R"("what":"laptop")") && last().contains(R"("result":"ok")"))
      << last();
  const std::string bearer = "Authorization: Bearer " + key + "\r\n";
  EXPECT_EQ(client.post("/v1/models/unload", {{"model", "none"}}, bearer).status, 404);
  EXPECT_TRUE(last().contains(R"("who":"laptop")") && last().contains(R"("what":"none")") &&
              last().contains(R"("result":"404")"))
      << last();
  EXPECT_EQ(client.post("/api/pull", {{"model", "!fail"}, {"stream", false}}, bearer).status, 404);
  EXPECT_TRUE(last().contains(R"("action":"POST /api/pull")") && last().contains(R"("result":"404")")) << last();
  EXPECT_EQ(client.post("/api/pull", {{"model", "x"}}, bearer).status, 200);
  EXPECT_TRUE(last().contains(R"("result":"ok")")) << last();
  EXPECT_EQ(entries().size(), 4U) << "what only reads is not recorded";
  EXPECT_FALSE(entries().dump().contains(key.substr(key.size() - 48))) << "no secret is recorded";
}

TEST_F(AuditedApi, RequestsAndRefusalsAreCountedAndTheirContentIsNot) {
  Client client(port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(post(kChat, chat_request("secret words", {{"max_tokens", 2}})).status, 200);
  EXPECT_EQ(client.get("/v1/models", "Authorization: Bearer exo-none\r\nX-Forwarded-For: 10.0.0.1\r\n").status, 401);
  EXPECT_TRUE(entries().empty());
  service_.audit()->write_counts();
  const json all = entries();
  ASSERT_EQ(all.size(), 2U) << all;
  EXPECT_TRUE(all[0].at("what").get<std::string>().starts_with("3 requests, ")) << all;
  EXPECT_EQ(all[0].at("who"), "local");
  EXPECT_EQ(all[1].at("result"), "401 invalid_api_key");
  EXPECT_EQ(all[1].at("who"), "");
  EXPECT_FALSE(all.dump().contains("secret") || all.dump().contains("exo-none")) << all;
}

TEST_F(AuditedApi, IsReadFromAnEntryOnAndVerified) {
  for (int i = 0; i < 5; ++i) post("/v1/models/unload", {{"model", std::to_string(i)}});
  Client client(port());
  EXPECT_EQ(client.get("/v1/audit?from=4").json().at("entries").size(), 2U);
  EXPECT_EQ(client.get("/v1/audit?limit=1").json().at("entries").at(0).at("n"), 5);
  EXPECT_EQ(client.get("/v1/audit?from=9").json().at("entries").size(), 0U);
  for (const char* bad : {"from=0", "from=-1", "from=x", "limit=1001", "limit=0", "from=99999999999999999999"}) {
    EXPECT_EQ(client.get(std::string("/v1/audit?") + bad).status, 400) << bad;
  }
  const json report = client.get("/v1/audit/verify").json();
  EXPECT_EQ(report.at("last"), 5);
  EXPECT_TRUE(report.at("problems").empty()) << report;
}

}  // namespace
}  // namespace exogpu::api::testing
