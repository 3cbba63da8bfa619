#include "api/admission_routes.h"

#include <gtest/gtest.h>

#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

TEST_F(Api, DevicesAreLetInByCodes) {
  Client client(port());
  client.send(Client::request("POST", "/v1/cluster/pairing"));
  EXPECT_EQ(client.read().json(), json({{"code", "123456"}, {"state", "waiting"}, {"newcomer", nullptr}}));
  EXPECT_EQ(post("/v1/cluster/pairing", {{"code", "654321"}}).json()["state"], "paired");
  EXPECT_EQ(client.get("/v1/cluster/pairing/123456").json(),
            json({{"code", "123456"}, {"state", "paired"}, {"newcomer", "laptop"}}));
  client.send(Client::request("DELETE", "/v1/cluster/pairing/123456"));
  EXPECT_EQ(client.read().json()["state"], "withdrawn");
  EXPECT_EQ(client.get("/v1/cluster/pairing/12").status, 400);
}

TEST_F(Api, TheDoctorAnswersFromAnotherThread) {
  const Response response = Client(port()).get("/v1/cluster/doctor");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.json()["findings"][0],
            json({{"level", "problem"}, {"check", "mdns"}, {"what", "no"}, {"remedy", "do"}}));
}

TEST_F(Api, OnlyThisMachineLetsDevicesInWhereNoKeyIsNeeded) {
  const std::string by_proxy = "X-Forwarded-For: 10.0.0.9\r\n";
  expect_error(Client(port()).get("/v1/cluster/doctor", by_proxy), 401, "invalid_api_key", "is missing");
  ServerOptions options;
  options.no_auth = true;
  serve(options);
  for (const char* path : {"/v1/cluster/pairing/123456", "/v1/cluster/doctor"}) {
    expect_error(Client(port()).get(path, by_proxy), 403, "permission_denied", "own machine");
  }
  expect_error(Client(port()).post("/v1/cluster/pairing", json::object(), by_proxy), 403, "permission_denied",
               "--api-key");
  options.no_auth = false;
  options.api_keys = {"secret"};
  serve(options);
  EXPECT_EQ(Client(port()).get("/v1/cluster/pairing/123456").status, 401);
  EXPECT_EQ(Client(port()).get("/v1/cluster/pairing/123456", by_proxy + "x-api-key: secret\r\n").status, 200);
}

}  // namespace
}  // namespace exogpu::api
