// How byte-pair vocabularies split text into pieces before merging, by the name in tokenizer.ggml.pre.
#pragma once

#include <span>
#include <string_view>

namespace exogpu::model::tokenizer {

// How a step uses the matches of its pattern in a piece.
enum class Cut {
  matches,        // each match is a piece, and so is the text between matches
  end,            // only the match at the end of the piece, if any
  digits_before,  // a match is a run of digits: split before each group of three, counted from the right
  digits_after,   // split after each such group, and after the shorter rest at the front
};

struct CutStep {
  Cut cut;
  // In the syntax of the models' files: `\s` is Unicode white space, `\S` everything else (not inside brackets).
  std::string_view pattern;
};

struct PreTokenizer {
  std::string_view name;
  std::span<const CutStep> steps;  // each step splits the pieces of the previous step
  // A piece that equals a token becomes that token without merging.
  bool whole_pieces = false;
  bool adds_bos = false;        // default if the file does not say
  bool insists_on_bos = false;  // adds BOS even if the file says otherwise
  bool raw = false;             // tokens are plain UTF-8, not in the byte alphabet
  bool escapes_spaces = false;  // tokens have U+2581 for a space
  bool whole_newlines = false;  // same as whole_pieces, for runs of newlines
  bool spaced_words = false;    // all other pieces begin with a space, which is added if missing
};

// Null: unknown.
const PreTokenizer* find_pre_tokenizer(std::string_view name);

}  // namespace exogpu::model::tokenizer
