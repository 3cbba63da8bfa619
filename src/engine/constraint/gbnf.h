// llama.cpp's grammars (GBNF): their text becomes a Gbnf, and that becomes a Lark grammar.
//
//   rule ::= "text" other-rule ([a-z] | [^0-9\n\x41é] | .)* x? y+ z{2,5}   # comment
//
// A rule ends at the end of its line, unless that is inside parentheses or beside a bar. The text derives from `root`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace exogpu::engine {

struct GbnfExpression {
  enum class Kind : uint8_t { characters, sequence, alternatives, repeat, rule };
  static constexpr uint32_t kUnlimited = std::numeric_limits<uint32_t>::max();

  Kind kind = Kind::sequence;
  std::vector<std::pair<char32_t, char32_t>> ranges{};  // of characters: from, to (both included); ascending, disjoint
  std::vector<GbnfExpression> parts{};                  // of sequence and alternatives; one of repeat
  uint32_t min = 0, max = 0;                            // of repeat
  size_t rule = 0;                                      // its index
};

struct GbnfRule {
  std::string name;
  GbnfExpression expression{};
};

struct Gbnf {
  std::vector<GbnfRule> rules;
  size_t root = 0;
};

// Errors: invalid_argument, naming line and fault. Bounded in depth and size.
Result<Gbnf> parse_gbnf(std::string_view text);

// As a lexer, what is written takes the longest match of the parts that have no recursion: the text always derives from
// the grammar, but a text where such a part would have to end earlier, because the next begins with the same
// characters, is not written. Errors: those of parse_gbnf().
Result<std::string> lark_of_gbnf(std::string_view text);

}  // namespace exogpu::engine
