#include "engine/constraint/date_formats.h"

#include <algorithm>
#include <format>

namespace exogpu::engine {

namespace {

using json = nlohmann::json;

std::string date_pattern() {
  const std::string year = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})";
  const std::string fourth = "(?:0[48]|[2468][048]|[13579][26])";  // but 00
  return std::format(
      "(?:{0}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|"
      "02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{{2}}{1}|{1}00)-02-29)",
      year, fourth);
}

// Of a format that has one; or empty.
std::string pattern_of(std::string_view format) {
  if (format == "date") return "^" + date_pattern() + "$";
  if (format != "date-time") return {};
  const std::string hours = "(?:[01][0-9]|2[0-3])", sixty = "[0-5][0-9]";
  return std::format("^{0}[Tt]{1}:{2}:{2}(?:[.][0-9]+)?(?:[Zz]|[+-]{1}:{2})$", date_pattern(), hours, sixty);
}

bool has_name(const json& value, const char* name) {
  if (value.is_object() && value.contains(name)) return true;
  return value.is_structured() && std::ranges::any_of(value, [&](const json& part) { return has_name(part, name); });
}

bool replaceable(const json& schema) {
  if (schema.is_object()) {
    if (schema.contains("format") && schema.contains("pattern")) return false;
    for (const char* values : {"const", "enum", "default", "examples"}) {
      const auto found = schema.find(values);
      if (found != schema.end() && has_name(*found, "format")) return false;
    }
  }
  return !schema.is_structured() || std::ranges::all_of(schema, replaceable);
}

// The strings of a JSON text, one after another.
class Strings {
 public:
  explicit Strings(std::string_view text) : text_(text) {}

  bool next() {
    begin_ = text_.find('"', end_);
    if (begin_ == std::string_view::npos) return false;
    end_ = begin_ + 1;
    while (end_ < text_.size() && text_[end_] != '"') end_ += text_[end_] == '\\' ? 2 : 1;
    end_ = std::min(end_ + 1, text_.size());
    return true;
  }
  std::string_view content() const { return text_.substr(begin_ + 1, end_ - begin_ - 2); }
  // Whether it names a value that is a string, the next one.
  bool names_string() const {
    const size_t colon = text_.find_first_not_of(kSpace, end_);
    if (colon == std::string_view::npos || text_[colon] != ':') return false;
    const size_t value = text_.find_first_not_of(kSpace, colon + 1);
    return value != std::string_view::npos && text_[value] == '"';
  }
  size_t begin() const { return begin_; }
  size_t end() const { return end_; }

 private:
  static constexpr std::string_view kSpace = " \t\r\n";

  std::string_view text_;
  size_t begin_ = 0, end_ = 0;
};

}  // namespace

std::string with_date_patterns(std::string_view text, const nlohmann::json& schema) {
  if (!has_name(schema, "format") || !replaceable(schema)) return std::string(text);
  std::string out;
  size_t copied = 0;
  for (Strings strings(text); strings.next();) {
    if (strings.content() != "format" || !strings.names_string()) continue;
    const size_t begin = strings.begin();
    strings.next();
    const std::string pattern = pattern_of(strings.content());
    if (pattern.empty()) continue;
    out += std::format("{}\"pattern\":\"{}\"", text.substr(copied, begin - copied), pattern);
    copied = strings.end();
  }
  return out.append(text.substr(copied));
}

}  // namespace exogpu::engine
