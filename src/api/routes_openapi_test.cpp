// The description at /openapi.json has exactly the routes of the program.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "api/routes.h"
#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

// "GET /v1/models/{model}" as the table of routes has it: "GET /v1/models/".
std::string as_route(std::string method, const std::string& path) {
  std::ranges::transform(method, method.begin(), [](unsigned char c) { return std::toupper(c); });
  const size_t variable = path.find('{');
  return method + " " + path.substr(0, variable);
}

TEST_F(Api, EveryRouteIsDescribedAndNoOther) {
  const json description = Client(port()).get("/openapi.json").json();
  ASSERT_TRUE(description.is_object());
  EXPECT_EQ(description["openapi"], "3.1.0");
  std::set<std::string> described, ids;
  for (const auto& [path, item] : description["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      if (method == "parameters") continue;
      described.insert(as_route(method, path));
      EXPECT_TRUE(ids.insert(operation.at("operationId")).second) << method << " " << path;
      EXPECT_FALSE(operation.at("responses").empty()) << method << " " << path;
    }
  }
  const auto routes = known_routes();
  for (const std::string& route : routes) EXPECT_TRUE(described.contains(route)) << route << " is not described";
  for (const std::string& route : described)
    EXPECT_TRUE(std::ranges::contains(routes, route)) << route << " is no route";
}

}  // namespace
}  // namespace exogpu::api
