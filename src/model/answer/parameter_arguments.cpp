#include <format>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/answer/call_arguments.h"
#include "model/answer/call_marks.h"

namespace exogpu::model {
namespace {

// The text inside a JSON string. Bytes that are no UTF-8 pass.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += std::format("\\u{:04x}", c);
    } else {
      out += c;
    }
  }
  return out;
}

std::string json_string(std::string_view text) { return '"' + escaped(text) + '"'; }

std::string_view without_blanks_around(std::string_view text) {
  text = without_blanks_before(text);
  return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

// A value whose type is not declared as text.
std::string value_of(std::string_view text) {
  const std::string_view word = without_blanks_around(text);
  if (word == "True") return "true";
  if (word == "False") return "false";
  if (word == "None") return "null";
  return nlohmann::json::accept(word) ? std::string(word) : json_string(text);
}

class ParameterArguments final : public ArgumentsReader {
 public:
  ParameterArguments(const ParameterTags& tags, const ToolShape* tool, bool leaves_end)
      : tags_(tags), leaves_end_(leaves_end) {
    if (tool) types_ = tool->types;
  }

  bool read(std::string_view& rest, bool ended, PieceWriter& out) override {
    for (Progress progress = Progress::on; progress != Progress::wait;) {
      progress = in_value_ ? read_value(rest, ended, out) : read_key(rest, ended, out);
      if (progress == Progress::complete) return true;
    }
    return false;
  }

 private:
  enum class Progress { on, wait, complete };

  Progress complete(PieceWriter& out) const {
    out.arguments(keys_ == 0 ? "{}" : "}");
    return Progress::complete;
  }

  Progress read_key(std::string_view& rest, bool ended, PieceWriter& out) {
    const std::string_view text = without_blanks_before(rest);
    const auto is_end = begins_with(text, tags_.end);
    if (is_end.value_or(false)) {
      if (!leaves_end_) rest = text.substr(tags_.end.size());
      return complete(out);
    }
    const auto is_key = begins_with(text, tags_.key_open);
    if (!is_end || !is_key) return ended ? complete(out) : Progress::wait;
    if (!*is_key) return complete(out);
    const size_t begin = tags_.key_open.size();
    const size_t end = text.find(tags_.key_close, begin);
    if (end == std::string_view::npos) return Progress::wait;
    std::string_view behind = text.substr(end + tags_.key_close.size());
    if (!tags_.value_open.empty()) {
      behind = without_blanks_before(behind);
      const auto opened = begins_with(behind, tags_.value_open);
      if (!opened) return Progress::wait;
      if (!*opened) return complete(out);
      behind.remove_prefix(tags_.value_open.size());
    }
    begin_value(std::string(text.substr(begin, end - begin)), out);
    rest = behind;
    return Progress::on;
  }

  void begin_value(const std::string& key, PieceWriter& out) {
    out.arguments((keys_++ == 0 ? "{" : ", ") + json_string(key) + ": ");
    const auto type = types_.find(key);
    is_text_ = type != types_.end() && type->second == "string";
    in_value_ = at_begin_ = true;
    if (is_text_) out.arguments("\"");
  }

  // The line breaks next to the tags are no part of a value.
  Progress read_value(std::string_view& rest, bool ended, PieceWriter& out) {
    const size_t end = rest.find(tags_.value_close);
    const bool found = end != std::string_view::npos;
    if (!found && !is_text_) return Progress::wait;
    if (at_begin_ && !rest.empty()) {
      at_begin_ = false;
      if (rest.front() == '\n') {
        rest.remove_prefix(1);
        return Progress::on;
      }
    }
    std::string_view value = rest.substr(0, end);
    if (!found && !ended) {
      value.remove_suffix(partial_mark(value, tags_.value_close));
      if (value.ends_with('\n')) value.remove_suffix(1);
    }
    const size_t size = value.size();
    if (found && value.ends_with('\n')) value.remove_suffix(1);
    out.arguments(is_text_ ? escaped(value) : value_of(value));
    rest.remove_prefix(size);
    if (!found) return Progress::wait;
    if (is_text_) out.arguments("\"");
    rest.remove_prefix(tags_.value_close.size());
    in_value_ = false;
    return Progress::on;
  }

  ParameterTags tags_;
  std::map<std::string, std::string> types_;
  bool leaves_end_;
  uint32_t keys_ = 0;
  bool in_value_ = false, is_text_ = false, at_begin_ = false;
};

}  // namespace

std::unique_ptr<ArgumentsReader> read_parameters(const ParameterTags& tags, const ToolShape* tool, bool leaves_end) {
  return std::make_unique<ParameterArguments>(tags, tool, leaves_end);
}

}  // namespace exogpu::model
