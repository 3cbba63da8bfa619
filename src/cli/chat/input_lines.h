// Puts lines together to one input.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace exogpu::cli {

struct TypedInput {
  std::string text;
  bool is_message = false;  // whatever it looks like
  bool operator==(const TypedInput&) const = default;
};

// A line that ends in a backslash goes on in the next. Everything between two lines of three quotation marks is one
// message.
class InputLines {
 public:
  // `line` has no newline at its end. The input, when it is complete.
  std::optional<TypedInput> add(std::string_view line);
  // What is there of an input that is not complete; afterwards there is none.
  std::optional<TypedInput> finish();
  bool is_open() const { return state_ != State::none; }

 private:
  enum class State { none, continued, block } state_ = State::none;
  std::string text_;
};

}  // namespace exogpu::cli
