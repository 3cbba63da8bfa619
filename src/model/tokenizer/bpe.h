// Byte-pair encoding: splits text into pieces, and merges adjacent symbols of a piece in the order in which the merges
// were learnt.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "model/tokenizer/encoder.h"
#include "model/tokenizer/merge_list.h"
#include "model/tokenizer/pre_tokenizer.h"
#include "model/tokenizer/splitter.h"
#include "model/tokenizer/vocab.h"

namespace exogpu::model::tokenizer {

// The bytes of a token in the byte alphabet, where each of 256 characters stands for one byte. Other characters are not
// changed.
std::string spelled_bytes(std::string_view text);

// The vocabulary must outlive the encoder.
class BpeEncoder final : public Encoder {
 public:
  // Errors: corrupt, if merges are missing or malformed.
  static Result<std::unique_ptr<BpeEncoder>> make(const Vocab& vocab, const PreTokenizer& pre, const Gguf& file);
  void encode(std::string_view text, bool after_special, std::vector<TokenId>& out) const override;

 private:
  // Reused for all pieces, to avoid allocation.
  struct Scratch {
    MergeList list;
    std::vector<const Merge*> next_merges;  // of symbols i and i + 1, or null
    std::string spelled;
  };

  BpeEncoder(const Vocab& vocab, const PreTokenizer& pre, Splitter splitter);
  Result<void> read_merges(const Gguf& file);
  // The token whose text is `piece`.
  TokenId find_piece(std::string_view piece, std::string& spelled) const;
  // The symbol of one character, or of one byte unless raw. -1: neither a token nor part of a merge.
  int32_t symbol_of(std::string_view character) const;
  void encode_piece(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const;
  void merge_short(Scratch& scratch) const;

  const Vocab* vocab_;
  const PreTokenizer* pre_;
  Splitter splitter_;
  // Merges combine symbols: tokens, or (from vocab.size() on) texts that are not tokens.
  std::array<int32_t, 256> byte_symbols_;  // unless raw; -1: not in a merge and not a token
  TextIndex other_symbols_{0};             // of one character, if raw
  std::deque<std::string> other_texts_;
  PairIndex<Merge> merges_{0};
  std::array<std::vector<TokenId>, 256> byte_tokens_;  // the tokens for a byte that is in no token
};

}  // namespace exogpu::model::tokenizer
