// Byte-pair encoding: text is cut into pieces, and within each the neighbours whose merge was learnt first are merged
// first.
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

// The bytes that a token spells in the alphabet that stands for bytes: each of its 256 characters is one. Characters of
// no byte stay as they are.
std::string spelled_bytes(std::string_view text);

// Borrows the vocabulary.
class BpeEncoder final : public Encoder {
 public:
  // Errors: corrupt, for merges that are missing or no pairs.
  static Result<std::unique_ptr<BpeEncoder>> make(const Vocab& vocab, const PreTokenizer& pre, const Gguf& file);
  void encode(std::string_view text, bool after_special, std::vector<TokenId>& out) const override;

 private:
  // Kept from piece to piece for its memory.
  struct Scratch {
    MergeList list;
    std::vector<const Merge*> next_merges;  // of symbols i and i + 1, or null
    std::string spelled;
  };

  BpeEncoder(const Vocab& vocab, const PreTokenizer& pre, Splitter splitter);
  Result<void> read_merges(const Gguf& file);
  // `piece` as tokens spell it.
  TokenId find_piece(std::string_view piece, std::string& spelled) const;
  // Of one character, or of one byte unless raw. -1: neither a token nor part of a merge.
  int32_t symbol_of(std::string_view character) const;
  void encode_piece(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const;
  void merge_short(Scratch& scratch) const;

  const Vocab* vocab_;
  const PreTokenizer* pre_;
  Splitter splitter_;
  // A symbol is what merges speak of: a token, or (from vocab.size() on) a text that is none.
  std::array<int32_t, 256> byte_symbols_;  // unless raw; -1: no merge has it and no token is it
  TextIndex other_symbols_{0};             // of one character, when raw
  std::deque<std::string> other_texts_;
  PairIndex<Merge> merges_{0};
  std::array<std::vector<TokenId>, 256> byte_tokens_;  // what stands for a byte that is in no token
};

}  // namespace exogpu::model::tokenizer
