#include "api/telemetry/recent_json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/json/json_body.h"
#include "node/link_history.h"

namespace exogpu::api {

namespace {

using RecentJson = nlohmann::ordered_json;

// To a microsecond, and a millionth.
RecentJson rounded(double value) { return std::round(value * 1e6) / 1e6; }
RecentJson rounded(const std::optional<double>& value) { return value ? rounded(*value) : RecentJson(nullptr); }

double unix_s(uint64_t unix_ms) { return static_cast<double>(unix_ms) / 1000; }

RecentJson values_of(const std::vector<std::optional<float>>& values) {
  RecentJson list = RecentJson::array();
  for (const auto& value : values) list.push_back(value ? rounded(*value) : RecentJson(nullptr));
  return list;
}

}  // namespace

std::string events_json(const std::vector<node::RecentEvent>& events) {
  RecentJson list = RecentJson::array();
  for (const node::RecentEvent& event : events) {
    list.push_back({{"number", event.number},
                    {"at_unix_s", unix_s(event.unix_ms)},
                    {"level", log::to_string(event.level)},
                    {"text", event.text}});
  }
  return dump({{"events", std::move(list)}});
}

std::string requests_json(const std::vector<node::RecentRequest>& requests) {
  RecentJson list = RecentJson::array();
  for (const node::RecentRequest& request : requests) {
    list.push_back({{"at_unix_s", unix_s(request.unix_ms)},
                    {"model", request.model},
                    {"end", request.end},
                    {"prompt_tokens", request.prompt_tokens},
                    {"prompt_tokens_reused", request.prompt_tokens_reused},
                    {"answer_tokens", request.answer_tokens},
                    {"accepted_s", rounded(request.accepted_s)},
                    {"first_token_s", rounded(request.first_token_s)},
                    {"duration_s", rounded(request.duration_s)},
                    {"tokens_per_s", rounded(request.tokens_per_s())}});
  }
  return dump({{"requests", std::move(list)}});
}

std::string links_json(const std::vector<node::LinkPast>& links) {
  RecentJson list = RecentJson::array();
  for (const node::LinkPast& link : links) {
    list.push_back({{"from", link.from},
                    {"to", link.to},
                    {"delay_s", values_of(link.delay_s)},
                    {"loss", values_of(link.loss)},
                    {"bytes_per_s", values_of(link.bytes_per_s)}});
  }
  return dump({{"step_s", std::chrono::seconds(node::LinkHistory::kStep).count()}, {"links", std::move(list)}});
}

}  // namespace exogpu::api
