#include "cli/cluster_pull.h"

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/progress_bar.h"

namespace exogpu::cli {
namespace {

constexpr std::chrono::minutes kPullSilence{10};  // a file is read once more to check it

}  // namespace

Result<std::string> pull_in_cluster(const api::ApiAddress& at, const std::string& source) {
  constexpr std::string_view kNamed = "writing ";
  auto bar = std::make_unique<ProgressBar>("fetching");
  std::string activity, name;
  const auto on_line = [&](std::string_view text) -> Result<void> {
    const nlohmann::json line = nlohmann::json::parse(text, nullptr, false);
    if (!line.is_object()) return fail(ErrorCode::corrupt, "the API sent a line that is no JSON");
    if (line.contains("error")) {
      return fail(ErrorCode::unavailable, "{}", api::error_message({.status = 0, .body = line.dump()}));
    }
    const std::string status = line.value("status", "");
    if (status.starts_with(kNamed)) name = status.substr(kNamed.size());
    if (!line.contains("total")) return {};
    if (!activity.empty() && status != activity) bar = std::make_unique<ProgressBar>("fetching");
    activity = status;
    bar->update(line.value("completed", Bytes(0)), line.value("total", Bytes(0)));
    return {};
  };
  const std::string body =
      nlohmann::json{{"model", source}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto pulled = api::stream(at, "/api/pull", body, "\n", kPullSilence, on_line, {});
  bar.reset();
  EXO_CHECK(pulled);
  if (name.empty()) return fail(ErrorCode::corrupt, "the API did not name the model that it fetched");
  return name;
}

}  // namespace exogpu::cli
