// The part of a tokenizer that turns plain text into tokens.
#pragma once

#include <string_view>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace exogpu::model::tokenizer {

// Thread-safe.
class Encoder {
 public:
  virtual ~Encoder() = default;
  // Appends the tokens of `text`, which holds no special token and may be broken UTF-8. `after_special`: it stands at
  // the start of everything, or behind a special token.
  virtual void encode(std::string_view text, bool after_special, std::vector<TokenId>& out) const = 0;
};

}  // namespace exogpu::model::tokenizer
