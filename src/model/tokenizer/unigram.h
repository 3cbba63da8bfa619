// SentencePiece's unigram model: splits text into the tokens with the highest sum of scores.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/tokenizer/encoder.h"
#include "model/tokenizer/prefix_table.h"
#include "model/tokenizer/vocab.h"

namespace exogpu::model::tokenizer {

// A compiled SentencePiece normaliser: replacements for the longest known prefix.
//
// Bytes: u32 size of the trie, the trie, then the replacements, each ended by a zero byte. The trie is an array of u32
// nodes: bit 8 says that a replacement ends here; bits 0-7 and 31 are the label that this node must have been reached
// by; bits 10-30, shifted left by 8 when bit 9 is set, are the base: XOR with the next byte gives the next node's
// index. The node at the base itself holds, in bits 0-30, where the replacement begins.
class CharsMap {
 public:
  CharsMap() = default;
  // Errors: corrupt.
  static Result<CharsMap> read(const std::vector<int64_t>& bytes, const std::string& path);

  struct Match {
    size_t size = 0;  // bytes of the text; 0: no replacement
    std::string_view replacement;
  };
  Match longest(std::string_view text) const;

 private:
  std::vector<uint32_t> nodes_;
  std::string replacements_;
};

// The vocabulary must outlive the encoder.
class UnigramEncoder final : public Encoder {
 public:
  // Errors: corrupt, if the normaliser is damaged.
  static Result<std::unique_ptr<UnigramEncoder>> make(const Vocab& vocab, const Gguf& file);
  void encode(std::string_view text, bool after_special, std::vector<TokenId>& out) const override;

 private:
  explicit UnigramEncoder(const Vocab& vocab);
  std::string normalized(std::string_view text) const;

  const Vocab* vocab_;
  CharsMap charsmap_;
  PrefixTable tokens_;
  PrefixTable user_defined_;  // not normalised
  double unknown_score_ = 0;
  bool merges_spaces_ = false;
};

}  // namespace exogpu::model::tokenizer
