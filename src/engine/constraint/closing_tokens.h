// Which of the tokens that a constraint allows brings a text to its end soonest: a guess by the texts of the tokens,
// made for JSON, and not wrong for other forms.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace exogpu::engine {

class ClosingTokens {
 public:
  // The texts of all tokens, one after another, and the size of each. `ends`: the tokens that end a text.
  ClosingTokens(std::string_view texts, std::span<const uint32_t> sizes, std::span<const uint32_t> ends);

  // `allowed` as TokenConstraint::mask(), with a token that does not end the text.
  // Inside a string of JSON, what closes it; behind a value, what closes most, or a comma; else a digit, or the longest
  // token, which gets through what is prescribed soonest. Before digits, what ends their run in an email address, an
  // address or a time, but not twice in a row. White space last.
  model::TokenId choose(std::span<const uint32_t> allowed, std::optional<model::TokenId> before = {}) const;

  std::span<const model::TokenId> end_tokens() const { return ends_; }

 private:
  model::TokenId longest(std::span<const uint32_t> allowed) const;

  std::vector<uint32_t> brackets_;  // of } and ] alone; the longest first, likewise below
  std::vector<uint32_t> quotes_;    // of a quotation mark, and } and ] behind it
  std::vector<uint32_t> commas_;    // a comma alone
  std::vector<uint32_t> zeros_;     // 0
  std::vector<uint32_t> digits_;    // one other digit
  std::vector<uint32_t> turns_;     // one character behind which another part of a pattern often begins: @ :
  std::vector<uint32_t> zulus_;     // Z, the end of a time
  std::vector<uint32_t> letters_;   // one letter, that only a string may have before its end
  std::vector<model::TokenId> ends_;
  std::vector<uint16_t> progress_;  // [tokens] bytes; 0: of the end tokens, and where there is no text; 1: white space
};

}  // namespace exogpu::engine
