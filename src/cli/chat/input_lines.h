// Joins lines to one input.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace exogpu::cli {

struct TypedInput {
  std::string text;
  bool is_message = false;  // not a command, even if it begins with a slash
  bool operator==(const TypedInput&) const = default;
};

// A line that ends in a backslash continues in the next line. All lines between two lines of three quotation marks are
// one message.
class InputLines {
 public:
  // `line` has no newline. Returns the input once it is complete.
  std::optional<TypedInput> add(std::string_view line);
  // Returns and clears an incomplete input.
  std::optional<TypedInput> finish();
  bool is_open() const { return state_ != State::none; }

 private:
  enum class State { none, continued, block } state_ = State::none;
  std::string text_;
};

}  // namespace exogpu::cli
