#include "api/generation/embedding_call.h"

#include <gtest/gtest.h>

#include <cmath>

#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

constexpr const char* kEmbeddings = "/v1/embeddings";

double length_of(const json& vector) {
  double squares = 0;
  for (const double value : vector) squares += value * value;
  return std::sqrt(squares);
}

TEST(Base64, IsThatOfTheStandard) {
  EXPECT_EQ(base64_of({}), "");
  EXPECT_EQ(base64_of({1}), "AACAPw==");
  EXPECT_EQ(base64_of({1, -2}), "AACAPwAAAMA=");
  EXPECT_EQ(base64_of({1, -2, 0.5F}), "AACAPwAAAMAAAAA/");
}

TEST_F(Api, EmbeddingsOfSeveralTextsComeInTheirOrder) {
  const json reply = post(kEmbeddings, {{"model", "words"}, {"input", {"one", "two words", "and three more"}}}).json();
  EXPECT_EQ(reply["object"], "list");
  EXPECT_EQ(reply["model"], "words");
  ASSERT_EQ(reply["data"].size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(reply["data"][i]["index"], i);
    EXPECT_EQ(reply["data"][i]["object"], "embedding");
    EXPECT_NEAR(length_of(reply["data"][i]["embedding"]), 1, 1e-6);
  }
  const json& first = reply["data"][0]["embedding"];
  EXPECT_NEAR(first[1].get<double>() / first[0].get<double>(), 3, 1e-5);  // letters of each word
  EXPECT_EQ(reply["usage"], json::parse(R"({"prompt_tokens":6,"total_tokens":6})"));
  EXPECT_EQ(post(kEmbeddings, {{"input", {97, 98}}}).json()["data"].size(), 1U);  // tokens of one text
  EXPECT_EQ(post(kEmbeddings, {{"input", {{97}, {98, 99}}}}).json()["data"].size(), 2U);
  EXPECT_EQ(post(kEmbeddings, {{"input", "x"}, {"dimensions", 2}}).json()["data"][0]["embedding"].size(), 2U);
}

TEST_F(Api, EmbeddingsInBase64AreTheSameNumbers) {
  const json request = {{"input", "a few words"}};
  json encoded = request;
  encoded["encoding_format"] = "base64";
  std::vector<float> values;
  const json numbers = post(kEmbeddings, request).json()["data"][0]["embedding"];
  for (const double value : numbers) values.push_back(static_cast<float>(value));
  EXPECT_EQ(post(kEmbeddings, encoded).json()["data"][0]["embedding"], base64_of(values));
}

TEST_F(Api, EmbeddingsThatCannotBeHadAreRefusedByName) {
  expect_error(post(kEmbeddings, {{"model", "words"}}), 400, "missing_required_parameter", "input");
  expect_error(post(kEmbeddings, {{"input", json::array()}}), 400, "invalid_value", "empty array");
  expect_error(post(kEmbeddings, {{"input", {1, "a"}}}), 400, "invalid_type", "token ids alone");
  expect_error(post(kEmbeddings, {{"input", "a"}, {"encoding_format", "int8"}}), 400, "invalid_value", "base64");
  expect_error(post(kEmbeddings, {{"input", "a"}, {"dimensions", 0}}), 400, "invalid_value", "dimensions");
  expect_error(post(kEmbeddings, {{"input", std::vector<std::string>(2049, "a")}}), 400, "invalid_value", "2048");
  expect_error(post(kEmbeddings, {{"input", "!fail"}}), 503, "unavailable", "the device is away");
  EXPECT_EQ(post(kEmbeddings, {{"input", std::vector<std::string>(2048, "a")}}).json()["data"].size(), 2048U);
}

TEST_F(Api, OllamaEmbeds) {
  const json reply = post("/api/embed", {{"model", "words"}, {"input", {"one", "two words"}}}).json();
  ASSERT_EQ(reply["embeddings"].size(), 2U);
  EXPECT_NEAR(length_of(reply["embeddings"][1]), 1, 1e-6);
  EXPECT_EQ(reply["prompt_eval_count"], 3);
  EXPECT_EQ(reply["model"], "words");
  EXPECT_TRUE(service_.last_request().embedding->truncate);
  post("/api/embed", {{"model", "words"}, {"input", "one"}, {"truncate", false}, {"dimensions", 2}});
  EXPECT_FALSE(service_.last_request().embedding->truncate);
  EXPECT_EQ(service_.last_request().embedding->dimensions, 2U);
  const json older = post("/api/embeddings", {{"model", "words"}, {"prompt", "two words"}}).json();
  EXPECT_EQ(older["embedding"], json::parse("[2.0, 8.0, 1.0]"));  // as the model has it
  EXPECT_TRUE(post("/api/embed", {{"input", "x"}}).json()["error"].get<std::string>().contains("model"));
  EXPECT_EQ(post("/api/embed", {{"model", "words"}, {"input", "!fail"}}).json()["error"], "the device is away");
}

TEST_F(Api, LlamaCppEmbeds) {
  const json reply = post("/embedding", {{"content", {"one", "two words"}}}).json();
  ASSERT_EQ(reply.size(), 2U);
  EXPECT_EQ(reply[1]["index"], 1);
  EXPECT_NEAR(length_of(reply[1]["embedding"][0]), 1, 1e-6);
  const json raw = post("/embedding", {{"content", "two words"}, {"embd_normalize", -1}}).json();
  EXPECT_EQ(raw[0]["embedding"], json::parse("[[2.0, 8.0, 1.0]]"));
  expect_error(post("/embedding", {{"content", "a"}, {"embd_normalize", 1}}), 400, "unsupported_parameter", "embd");
}

}  // namespace
}  // namespace exogpu::api
