// Finds the special tokens that are spelled out in a text.
#pragma once

#include <string_view>
#include <vector>

#include "model/tokenizer/prefix_table.h"
#include "model/tokenizer/vocab.h"

namespace exogpu::model::tokenizer {

// A special token, or (token < 0) a stretch of text, never empty.
struct Fragment {
  TokenId token;
  std::string_view text;
};

// Borrows the vocabulary. Longer tokens are found before shorter ones, wherever they stand; of equally long ones that
// overlap, the one with the smaller id.
class SpecialSplitter {
 public:
  explicit SpecialSplitter(const Vocab& vocab);

  // Without `parse_special` only user-defined tokens are found: control tokens in a user's text are plain text.
  std::vector<Fragment> split(std::string_view text, bool parse_special) const;

 private:
  // The tokens that occur anywhere in `text`, in the order in which they are taken out.
  std::vector<TokenId> occurring(std::string_view text, const PrefixTable& table) const;

  const Vocab* vocab_;
  PrefixTable always_;   // user-defined tokens
  PrefixTable special_;  // all of them
};

}  // namespace exogpu::model::tokenizer
