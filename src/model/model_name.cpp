#include "model/model_name.h"

#include <algorithm>
#include <charconv>
#include <format>

namespace exogpu::model {
namespace {

constexpr std::string_view kEnding = ".gguf";
constexpr uint32_t kPartNumberMax = 65535;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

// The value of five digits or more; 0 for any other text.
uint32_t number(std::string_view digits) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return digits.size() == 5 && error == std::errc() && end == digits.data() + digits.size() ? value : 0;
}

}  // namespace

FileName parse_file_name(std::string_view path) {
  FileName name;
  if (path.size() <= kEnding.size() || lower(path.substr(path.size() - kEnding.size())) != kEnding) return name;
  path.remove_suffix(kEnding.size());
  name.stem = path;
  constexpr size_t kSuffix = std::string_view("-00001-of-00003").size();
  if (path.size() <= kSuffix) return name;
  const std::string_view suffix = path.substr(path.size() - kSuffix);
  const uint32_t index = number(suffix.substr(1, 5)), parts = number(suffix.substr(10, 5));
  if (suffix[0] != '-' || suffix.substr(6, 4) != "-of-" || index < 1 || index > parts || parts > kPartNumberMax)
    return name;
  path.remove_suffix(kSuffix);
  return {.stem = std::string(path), .index = index - 1, .parts = parts};
}

std::string file_name(std::string_view stem, uint32_t index, uint32_t parts) {
  if (parts == 1) return std::format("{}{}", stem, kEnding);
  return std::format("{}-{:05}-of-{:05}{}", stem, index + 1, parts, kEnding);
}

bool has_quantisation(std::string_view stem, std::string_view quantisation) {
  const std::string text = lower(stem), sought = lower(quantisation);
  if (sought.empty()) return false;
  // '_' occurs inside such names, so it is a border only after the name.
  constexpr std::string_view kBorders = "-./ ";
  for (size_t at = text.find(sought); at != text.npos; at = text.find(sought, at + 1)) {
    const size_t end = at + sought.size();
    const bool begins = at == 0 || kBorders.contains(text[at - 1]) || (text[at - 1] == '_' && end == text.size());
    if (begins && (end == text.size() || kBorders.contains(text[end]))) return true;
  }
  return false;
}

}  // namespace exogpu::model
