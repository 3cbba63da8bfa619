#include "cli/check/served_scores.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

namespace exogpu::cli {
namespace {

using AnyJson = nlohmann::ordered_json;

const std::vector<wire::TokenId> kTokens = {7, 3, 5};

// As /v1/completions answers.
AnyJson reply() {
  return {
      {"choices",
       {{{"logprobs",
          {{"tokens", {"token_id:7", "token_id:3", "token_id:5"}},
           {"token_logprobs", {nullptr, -0.5, -4}},
           {"top_logprobs",
            {nullptr, {{"token_id:3", -0.5}, {"token_id:9", -1}}, {{"token_id:2", -0.1}, {"token_id:1", -3}}}}}}}}}};
}

std::string refusal(const std::function<void(AnyJson&)>& spoil) {
  AnyJson json = reply();
  spoil(json["choices"][0]["logprobs"]);
  const auto scores = read_scores(json.dump(), kTokens, 10);
  return scores ? "accepted" : scores.error().message;
}

TEST(ServedScores, HaveTheTokenItselfBesideTheLikeliest) {
  const auto scores = read_scores(reply().dump(), kTokens, 10);
  ASSERT_TRUE(scores) << scores.error().message;
  ASSERT_EQ(scores->size(), 2U);
  const std::vector<wire::TokenLogprob> first = {{3, -0.5F}, {9, -1}}, second = {{2, -0.1F}, {1, -3}, {5, -4}};
  EXPECT_EQ((*scores)[0].known, first);
  EXPECT_EQ((*scores)[1].known, second);
  EXPECT_EQ((*scores)[1].logprob, -4);
}

TEST(ServedScores, OfAnotherModelOrOfNoSuchAnswerAreRefused) {
  EXPECT_NE(read_scores("{", kTokens, 10).error().message.find("no log probabilities"), std::string::npos);
  EXPECT_NE(read_scores(R"({"choices":[]})", kTokens, 10).error().message.find("no log"), std::string::npos);
  const auto says = [](const std::string& message, std::string_view words) { return message.contains(words); };
  EXPECT_PRED2(says, refusal([](AnyJson& j) { j["tokens"][1] = "token_id:4"; }), "another one");
  EXPECT_PRED2(says, refusal([](AnyJson& j) { j["tokens"][1] = "once"; }), "another one");
  EXPECT_PRED2(says, refusal([](AnyJson& j) { j["tokens"].erase(2); }), "fewer tokens");
  EXPECT_PRED2(says, refusal([](AnyJson& j) { j["token_logprobs"][2] = nullptr; }), "of token 2");
  EXPECT_PRED2(says, refusal([](AnyJson& j) { j["top_logprobs"][1]["token_id:10"] = -2; }), "of token 1");
  EXPECT_PRED2(says, refusal([](AnyJson& j) { j["top_logprobs"][1]["token_id:9"] = 3; }), "of token 1");
}

}  // namespace
}  // namespace exogpu::cli
