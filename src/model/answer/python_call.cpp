#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>

#include "model/answer/call_head.h"

namespace exogpu::model {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDepthMax = 64;

// Reads a call whose arguments are all named, with literals as values. Each read returns nothing if the text is no such
// thing; is_short() then tells whether only its end is missing.
class PythonReader {
 public:
  explicit PythonReader(std::string_view text) : text_(text) {}

  size_t position() const { return at_; }
  bool is_short() const { return short_; }

  std::optional<std::string> name() {
    const size_t length = name_length(text_.substr(at_));
    if (at_ + length == text_.size()) short_ = true;
    if (length == 0) return std::nullopt;
    at_ += length;
    return std::string(text_.substr(at_ - length, length));
  }

  std::optional<Json> arguments() {
    Json out = Json::object();
    if (!take('(')) return std::nullopt;
    skip_blanks();
    if (next() == ')') return take(')') ? std::optional(out) : std::nullopt;
    while (true) {
      skip_blanks();
      const auto key = name();
      if (!key || !take('=')) return std::nullopt;
      auto argument = value(0);
      if (!argument) return std::nullopt;
      out[*key] = *std::move(argument);
      skip_blanks();
      if (next() == ')') return take(')') ? std::optional(out) : std::nullopt;
      if (!take(',')) return std::nullopt;
    }
  }

 private:
  char next() {
    if (at_ == text_.size()) short_ = true;
    return short_ ? '\0' : text_[at_];
  }
  bool take(char c) {
    skip_blanks();
    if (next() != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  std::optional<Json> value(int depth) {
    skip_blanks();
    if (depth > kDepthMax) return std::nullopt;
    const char c = next();
    if (c == '"' || c == '\'') return string(c);
    if (c == '[' || c == '(') return list(c == '[' ? ']' : ')', depth);
    if (c == '{') return dictionary(depth);
    return word();
  }

  std::optional<Json> word() {
    size_t end = at_;
    while (end < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[end])) != 0 ||
                                  std::string_view("+-._").contains(text_[end]))) {
      ++end;
    }
    if (end == text_.size()) short_ = true;
    const std::string_view word = text_.substr(at_, end - at_);
    if (short_ || word.empty()) return std::nullopt;
    at_ = end;
    if (word == "True" || word == "true") return Json(true);
    if (word == "False" || word == "false") return Json(false);
    if (word == "None" || word == "null") return Json(nullptr);
    Json number = Json::parse(word, nullptr, false);
    if (!number.is_number()) return std::nullopt;
    return number;
  }

  std::optional<Json> string(char quote) {
    std::string out;
    for (++at_; next() != '\0' || !short_; ++at_) {
      char c = text_[at_];
      if (c == quote) {
        ++at_;
        return Json(std::move(out));
      }
      if (c == '\\') {
        ++at_;
        if (next() == '\0' && short_) return std::nullopt;
        c = unescaped(text_[at_], out);
      }
      out += c;
    }
    return std::nullopt;
  }
  // What stands for the character behind a backslash; the backslash itself remains before one without a meaning.
  static char unescaped(char c, std::string& out) {
    switch (c) {
      case 'n': return '\n';
      case 't': return '\t';
      case 'r': return '\r';
      case '\\':
      case '\'':
      case '"': return c;
      default: out += '\\'; return c;
    }
  }

  std::optional<Json> list(char end, int depth) {
    Json out = Json::array();
    ++at_;
    skip_blanks();
    while (next() != end) {
      auto item = value(depth + 1);
      if (!item) return std::nullopt;
      out.push_back(*std::move(item));
      skip_blanks();
      if (next() != end && !take(',')) return std::nullopt;
      skip_blanks();
    }
    ++at_;
    return out;
  }

  std::optional<Json> dictionary(int depth) {
    Json out = Json::object();
    ++at_;
    skip_blanks();
    while (next() != '}') {
      const char quote = next();
      if (quote != '"' && quote != '\'') return std::nullopt;
      const auto key = string(quote);
      if (!key || !take(':')) return std::nullopt;
      auto item = value(depth + 1);
      if (!item) return std::nullopt;
      out[key->get<std::string>()] = *std::move(item);
      skip_blanks();
      if (next() != '}' && !take(',')) return std::nullopt;
      skip_blanks();
    }
    ++at_;
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
  bool short_ = false;
};

}  // namespace

CallHead find_python_call(std::string_view text, bool ended, const HeadContext& context) {
  PythonReader reader(text);
  auto name = reader.name();
  const auto failed = [&] {
    const bool waits = reader.is_short() && !ended;
    return CallHead{.kind = waits ? CallHead::Kind::wait : CallHead::Kind::none};
  };
  if (!name) return failed();
  const std::string_view suffix = ".call";  // of Llama's built-in tools
  const bool known = context.accepts(name->ends_with(suffix) ? name->substr(0, name->size() - suffix.size()) : *name);
  if (reader.position() < text.size() && !known) return {};
  const auto arguments = reader.arguments();
  if (!arguments) return failed();
  if (name->ends_with(suffix)) name->resize(name->size() - suffix.size());
  return {.kind = CallHead::Kind::call,
          .bytes = reader.position(),
          .name = *std::move(name),
          .arguments = arguments->dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace exogpu::model
