// Converts plain text to tokens.
#pragma once

#include <string_view>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace exogpu::model::tokenizer {

// Thread-safe.
class Encoder {
 public:
  virtual ~Encoder() = default;
  // Appends the tokens of `text`, which has no special tokens and may be invalid UTF-8. `after_special`: it is at the
  // start of the input, or follows a special token.
  virtual void encode(std::string_view text, bool after_special, std::vector<TokenId>& out) const = 0;
};

}  // namespace exogpu::model::tokenizer
