// WordPiece, the tokenizer of BERT: text becomes words, and each word the longest tokens that spell it.
//
// Files have the tokens as llama.cpp's converter writes them: those that begin a word with U+2581 before them, the
// others without BERT's "##".
#pragma once

#include <string>
#include <vector>

#include "model/tokenizer/encoder.h"
#include "model/tokenizer/vocab.h"

namespace exogpu::model::tokenizer {

// What happens to the characters of a text before it is encoded: tokenizer.ggml.normalizer.*.
struct WordNormalizer {
  bool lowercase = true;
  bool strip_accents = true;  // characters are decomposed, and combining marks removed

  // Errors: corrupt, if a value is no truth value.
  static Result<WordNormalizer> read(const Gguf& file);

  // The words of a text. White space separates them; each punctuation mark and each ideograph is a word of its own.
  // Control characters and what is no valid UTF-8 are left out.
  std::vector<std::string> words(std::string_view text) const;
};

// The vocabulary must outlive the encoder.
class WordPieceEncoder final : public Encoder {
 public:
  WordPieceEncoder(const Vocab& vocab, const WordNormalizer& normalizer) : vocab_(&vocab), normalizer_(normalizer) {}
  // A word that tokens do not spell is the unknown token.
  void encode(std::string_view text, bool after_special, std::vector<TokenId>& out) const override;

 private:
  bool spell(std::string_view word, std::vector<TokenId>& out) const;

  const Vocab* vocab_;
  WordNormalizer normalizer_;
};

}  // namespace exogpu::model::tokenizer
