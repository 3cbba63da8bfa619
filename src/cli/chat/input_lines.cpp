#include "cli/chat/input_lines.h"

#include <utility>

namespace exogpu::cli {
namespace {

constexpr std::string_view fence = "\"\"\"";

}  // namespace

std::optional<TypedInput> InputLines::add(std::string_view line) {
  if (state_ == State::none && line.starts_with(fence)) {
    state_ = State::block;
    line.remove_prefix(fence.size());
    if (line.empty()) return std::nullopt;
  }
  if (state_ == State::block) {
    const bool closes = line.ends_with(fence);
    if (closes) line.remove_suffix(fence.size());
    text_ += line;
    if (!closes) {
      text_ += '\n';
      return std::nullopt;
    }
    if (line.empty() && text_.ends_with('\n')) text_.pop_back();  // the newline before the closing line
    return finish();
  }
  if (line.ends_with('\\')) {
    text_.append(line.substr(0, line.size() - 1)).push_back('\n');
    state_ = State::continued;
    return std::nullopt;
  }
  text_ += line;
  state_ = State::continued;
  return finish();
}

std::optional<TypedInput> InputLines::finish() {
  if (state_ == State::none) return std::nullopt;
  const bool is_message = std::exchange(state_, State::none) == State::block;
  return TypedInput{std::exchange(text_, {}), is_message};
}

}  // namespace exogpu::cli
