// SentencePiece's byte-pair model: merges the adjacent pair whose union has the highest score first.
#pragma once

#include <array>
#include <string>

#include "model/tokenizer/encoder.h"
#include "model/tokenizer/merge_list.h"
#include "model/tokenizer/vocab.h"

namespace exogpu::model::tokenizer {

inline constexpr std::string_view kEscapedSpace = "\u2581";

// `text` with U+2581 for every space.
std::string escape_spaces(std::string_view text);
// `text` with a space for every U+2581.
std::string unescape_spaces(std::string_view text);

// The vocabulary must outlive the encoder.
class SpmEncoder final : public Encoder {
 public:
  explicit SpmEncoder(const Vocab& vocab);
  void encode(std::string_view text, bool after_special, std::vector<TokenId>& out) const override;

 private:
  void encode_part(std::string_view text, MergeList& merges, std::vector<TokenId>& out) const;

  const Vocab* vocab_;
  std::vector<uint32_t> ranks_;  // [vocab.size()] the index of each token when sorted by score, highest first
  std::array<TokenId, 256> byte_tokens_;
  // By byte: whether some token has it directly before U+2581. After any other byte no token can cross a word boundary,
  // so text is encoded word by word.
  std::array<bool, 256> joins_{};
};

}  // namespace exogpu::model::tokenizer
