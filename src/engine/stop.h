// Ends a streamed text at the first stop string. No part of the stop string is ever returned.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace exogpu::engine {

// The first stop string to be complete ends the text; of several that end at the same byte, the longest.
// What comes out does not depend on how the text is cut into pieces. Copies are independent.
class StopMatcher {
 public:
  // Errors: invalid_argument when a stop string is empty.
  static Result<StopMatcher> create(std::vector<std::string> stops);

  // The text that is now certain to precede any stop string; empty once stopped. Whole UTF-8 characters come out
  // when whole characters go in and the stop strings are UTF-8.
  // Time: the bytes of `text` times the number of stop strings.
  std::string push(std::string_view text);

  // The rest of the text, when it ends without a stop string.
  std::string flush();

  bool stopped() const { return matched_.has_value(); }
  std::optional<size_t> matched() const { return matched_; }  // index into the stop strings of create()

 private:
  // Knuth-Morris-Pratt: `length` bytes of `text` are the end of what was pushed.
  struct Pattern {
    std::string text;
    std::vector<size_t> fallback;  // [i]: longest proper prefix of text[0..i] that is also its suffix
    size_t length = 0;
    void advance(char c);
  };

  std::vector<Pattern> patterns_;
  std::string tail_;  // the last max(Pattern::length) bytes pushed
  std::optional<size_t> matched_;
};

}  // namespace exogpu::engine
