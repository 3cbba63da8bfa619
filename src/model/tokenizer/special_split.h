// Finds special tokens in a text.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "model/tokenizer/prefix_table.h"
#include "model/tokenizer/vocab.h"

namespace exogpu::model::tokenizer {

// A special token, or (token < 0) a part of the text, never empty.
struct Fragment {
  TokenId token;
  std::string_view text;
};

// The vocabulary must outlive this. Longer tokens are found before shorter ones, at any position. Of overlapping tokens
// of equal length, the one with the smaller id is found.
class SpecialSplitter {
 public:
  explicit SpecialSplitter(const Vocab& vocab);

  // Without `parse_special`, finds only user-defined tokens: control tokens in a user's text are plain text.
  // No token lies across one of the `guards`: byte positions, ascending.
  std::vector<Fragment> split(std::string_view text, bool parse_special, std::span<const size_t> guards = {}) const;

 private:
  // The tokens that occur in `text`, in the order in which they are extracted.
  std::vector<TokenId> occurring(std::string_view text, const PrefixTable& table) const;

  const Vocab* vocab_;
  PrefixTable always_;   // user-defined tokens
  PrefixTable special_;  // all of them
};

}  // namespace exogpu::model::tokenizer
