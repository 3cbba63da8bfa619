#include "cli/arguments/nearest.h"

#include <algorithm>
#include <vector>

#include "base/near_names.h"

namespace exogpu::cli {
namespace {

constexpr size_t kLettersMin = 3;  // shorter words are near too many others

std::string without_dashes(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  return std::string(word);
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::string name = without_dashes(word);
  if (name.size() < kLettersMin) return std::nullopt;
  std::vector<std::string> names;
  for (const std::string& candidate : candidates) names.push_back(without_dashes(candidate));
  const auto near = near_names(name, names, 1);
  if (near.empty()) return std::nullopt;
  return candidates[static_cast<size_t>(std::ranges::find(names, near.front()) - names.begin())];
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const auto meant = nearest(word, candidates);
  return meant ? "; did you mean " + *meant + "?" : "";
}

}  // namespace exogpu::cli
