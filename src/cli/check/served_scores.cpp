#include "cli/check/served_scores.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <format>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/utf8.h"
#include "cli/served_plan.h"

namespace exogpu::cli {
namespace {

using ScoreJson = nlohmann::ordered_json;

// Loading a large model takes minutes; nothing is sent meanwhile.
constexpr std::chrono::minutes kScored{10};
constexpr int kKnownMost = 20;  // as many as the API gives

std::optional<wire::TokenId> token_named(const std::string& name, uint32_t vocabulary) {
  constexpr std::string_view kPrefix = "token_id:";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  wire::TokenId token = 0;
  const char* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + kPrefix.size(), end, token);
  if (error != std::errc() || at != end || token < 0 || std::cmp_greater_equal(token, vocabulary)) return std::nullopt;
  return token;
}

std::optional<ScoredToken> read_one(const ScoreJson& logprob, const ScoreJson& top, wire::TokenId token,
                                    uint32_t vocabulary) {
  if (!logprob.is_number() || !top.is_object()) return std::nullopt;
  ScoredToken scored{.logprob = logprob.get<float>(), .known = {}};
  for (const auto& [name, value] : top.items()) {
    const auto id = token_named(name, vocabulary);
    if (!id || !value.is_number()) return std::nullopt;
    scored.known.push_back({*id, value.get<float>()});
  }
  // As the node sends them; another program may have sorted the names.
  std::ranges::stable_sort(scored.known, std::greater(), &wire::TokenLogprob::logprob);
  if (!std::ranges::contains(scored.known, token, &wire::TokenLogprob::token))
    scored.known.push_back({token, scored.logprob});
  const bool sound = std::ranges::all_of(scored.known, [](const wire::TokenLogprob& each) {
    return std::isfinite(each.logprob) && each.logprob <= 1e-3F;
  });
  return sound ? std::optional(std::move(scored)) : std::nullopt;
}

}  // namespace

Result<std::vector<ScoredToken>> read_scores(std::string_view body, std::span<const wire::TokenId> tokens,
                                             uint32_t vocabulary) {
  const ScoreJson json = ScoreJson::parse(body, nullptr, false);
  const auto none = [](std::string_view what) {
    return fail(ErrorCode::corrupt, "the node's answer {}; is it an exogpu node of this version?", what);
  };
  const ScoreJson::json_pointer path("/choices/0/logprobs");
  if (!json.is_object() || !json.contains(path)) return none("has no log probabilities");
  const ScoreJson& all = json.at(path);
  for (const char* key : {"tokens", "token_logprobs", "top_logprobs"})
    if (!all.is_object() || !all.contains(key) || !all[key].is_array() || all[key].size() < tokens.size())
      return none("scores fewer tokens than it was sent");
  std::vector<ScoredToken> scores;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const ScoreJson& name = all["tokens"][i];
    if (!name.is_string() || token_named(name.get<std::string>(), vocabulary) != tokens[i])
      return fail(ErrorCode::failed_precondition,
                  "the cluster read other tokens than this file has; its model of this name is another one");
    if (i == 0) continue;
    auto one = read_one(all["token_logprobs"][i], all["top_logprobs"][i], tokens[i], vocabulary);
    if (!one) return none(std::format("has no log probabilities of token {}", i));
    scores.push_back(*std::move(one));
  }
  return scores;
}

Result<std::vector<ScoredToken>> score_by_plan(const api::ApiAddress& at, const std::string& model,
                                               std::span<const wire::TokenId> tokens, uint32_t vocabulary) {
  const nlohmann::ordered_json request = {{"model", model},
                                          {"prompt", std::vector(tokens.begin(), tokens.end())},
                                          {"max_tokens", 0},
                                          {"temperature", 0},
                                          {"echo", true},
                                          {"logprobs", kKnownMost},
                                          {"return_tokens_as_token_ids", true}};
  EXO_TRY(const std::string body, post_json(at, "/v1/completions", request, kScored));
  return read_scores(body, tokens, vocabulary);
}

Result<std::string> plan_of(const api::ApiAddress& at, const std::string& model) {
  EXO_TRY(const ScoreJson entry, model_in_cluster(at, model));
  const ScoreJson::json_pointer stages("/plan/stages");
  if (entry.contains(stages)) return stages_text(entry.at(stages));
  return fail(ErrorCode::not_found, "the cluster has no plan of {}", printable(model));
}

}  // namespace exogpu::cli
