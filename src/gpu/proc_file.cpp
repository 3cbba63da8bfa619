#include "gpu/proc_file.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <utility>

#include "gpu/text.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxLines = 100'000;

}  // namespace

std::vector<std::string> read_lines(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; lines.size() < kMaxLines && std::getline(in, line);) lines.push_back(std::move(line));
  return lines;
}

std::optional<uint64_t> number(std::string_view text) {
  text = trim(text);
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::string first_line(const fs::path& path) {
  std::vector<std::string> lines = read_lines(path);
  return lines.empty() ? std::string() : lines.front();
}

std::optional<uint64_t> read_number(const fs::path& path) { return number(first_line(path)); }

std::string value_of(const std::vector<std::string>& lines, std::string_view key) {
  for (const std::string& line : lines) {
    std::string_view text = line;
    if (!text.starts_with(key)) continue;
    std::string_view rest = text.substr(key.size());
    if (rest.empty() || (rest[0] != ':' && rest[0] != ' ' && rest[0] != '\t')) continue;
    return std::string(trim(rest.substr(std::min(rest.find_first_not_of(" \t:"), rest.size()))));
  }
  return {};
}

}  // namespace exogpu::gpu
