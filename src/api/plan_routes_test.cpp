#include "api/plan_routes.h"

#include <gtest/gtest.h>

#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

TEST_F(Api, APlanIsPredictedWithoutLoading) {
  const Response response = post(
      "/v1/plan", {{"model", "unloaded"}, {"context", 512}, {"objective", "throughput"}, {"without", json::array()}});
  EXPECT_EQ(response.status, 200) << response.body;
  const json plan = response.json();
  EXPECT_EQ(plan["model"], "unloaded");
  EXPECT_EQ(plan["context"], 512);
  EXPECT_EQ(plan["objective"], "throughput");
  EXPECT_EQ(plan["plan"]["stages"][0]["layer_end"], 12);
  EXPECT_EQ(plan["plan"]["stages"][0]["weights_bytes"], 5);
  EXPECT_EQ(plan["alternatives"][0], json({{"name", "two devices"}, {"plan", nullptr}, {"reason", "there is one"}}));
  EXPECT_EQ(service_.last_load().model, "");
}

TEST_F(Api, APlanThatCannotBeSaysWhy) {
  const Response none = post("/v1/plan", {{"model", "words"}, {"without", {"test/cpu"}}});
  EXPECT_GE(none.status, 400);
  EXPECT_TRUE(none.error().value("message", "").contains("test/cpu")) << none.body;
  expect_error(post("/v1/plan", json::object()), 400, "missing_required_parameter", "name a model");
  expect_error(post("/v1/plan", {{"model", "none"}}), 404, "model_not_found", "words");
  expect_error(post("/v1/plan", {{"model", "words"}, {"objective", "fame"}}), 400, "invalid_value", "objective");
  expect_error(post("/v1/plan", {{"model", "words"}, {"without", "cpu"}}), 400, "invalid_value", "without");
  expect_error(post("/v1/plan", {{"model", "words"}, {"parallel", 0}}), 400, "invalid_value", "parallel");
}

}  // namespace
}  // namespace exogpu::api
