// How byte-pair vocabularies cut text into pieces before pairs are merged, by the names in tokenizer.ggml.pre.
#pragma once

#include <span>
#include <string_view>

namespace exogpu::model::tokenizer {

// What a step does with the matches of its pattern in a piece.
enum class Cut {
  matches,        // each match is a piece, and so is the text between two
  end,            // the match that ends with the piece, if there is one
  digits_before,  // a match is a run of digits: cut before each group of three, counted from the right
  digits_after,   // cut after each such group, and after what is left over at the front
};

struct CutStep {
  Cut cut;
  // In the syntax of the models' own files: `\s` is Unicode white space, `\S` everything else (not inside brackets).
  std::string_view pattern;
};

struct PreTokenizer {
  std::string_view name;
  std::span<const CutStep> steps;  // each cuts every piece that the one before left
  // A piece that is a token as it stands is not built from pairs.
  bool whole_pieces = false;
  bool adds_bos = false;        // unless the file says otherwise
  bool insists_on_bos = false;  // even then
  bool raw = false;             // tokens are spelled in plain UTF-8, not in the alphabet that stands for bytes
  bool escapes_spaces = false;  // a space is U+2581 in them
  bool whole_newlines = false;  // like whole_pieces, for runs of newlines
  bool spaced_words = false;    // all other pieces begin with a space; it is added where there is none
};

// Null: unknown.
const PreTokenizer* find_pre_tokenizer(std::string_view name);

}  // namespace exogpu::model::tokenizer
