#include "base/near_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/utf8.h"

namespace exogpu {
namespace {

constexpr size_t kLengthMax = 300;  // of names that are compared by letters

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

// The number of letters to insert, remove or change (Levenshtein distance).
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> near_names(std::string_view wanted, std::span<const std::string> known, size_t most) {
  const std::string sought = lower(wanted);
  std::vector<std::pair<size_t, std::string>> found;
  if (sought.empty() || sought.size() > kLengthMax) return {};
  for (const std::string& name : known) {
    if (name.size() > kLengthMax) continue;
    const std::string candidate = lower(name);
    const size_t letters = candidate.contains(sought) ? 0 : distance(sought, candidate);
    if (letters <= std::max<size_t>(2, sought.size() / 3)) found.emplace_back(letters, name);
  }
  std::ranges::sort(found);
  if (found.size() > most) found.resize(most);
  std::vector<std::string> names;
  for (auto& [letters, name] : found) names.push_back(std::move(name));
  return names;
}

std::string near_words(std::span<const std::string> near) {
  std::string words;
  for (const std::string& name : near) words += (words.empty() ? "; near it: " : ", ") + printable(name);
  return words;
}

}  // namespace exogpu
