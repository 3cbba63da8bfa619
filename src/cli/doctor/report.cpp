#include "cli/doctor/report.h"

#include <algorithm>
#include <format>
#include <nlohmann/json.hpp>
#include <string_view>

namespace exogpu::cli {
namespace {

std::string_view word(node::Level level) {
  switch (level) {
    case node::Level::ok: return "ok";
    case node::Level::note: return "note";
    case node::Level::problem: break;
  }
  return "problem";
}

}  // namespace

std::string as_text(std::span<const node::Finding> findings) {
  std::string text;
  for (const node::Finding& finding : findings) {
    text += std::format("{:<8} {:<10} {}\n", word(finding.level), finding.check, finding.what);
    if (!finding.remedy.empty()) text += std::format("{:<19} -> {}\n", "", finding.remedy);
  }
  return text;
}

std::string as_json(std::span<const node::Finding> findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const node::Finding& finding : findings) {
    list.push_back(
        {{"level", word(finding.level)}, {"check", finding.check}, {"what", finding.what}, {"remedy", finding.remedy}});
  }
  return nlohmann::ordered_json{{"healthy", count_problems(findings) == 0}, {"findings", list}}.dump(2);
}

size_t count_problems(std::span<const node::Finding> findings) {
  return static_cast<size_t>(std::ranges::count(findings, node::Level::problem, &node::Finding::level));
}

}  // namespace exogpu::cli
