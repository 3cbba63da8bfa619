// The tokens of a model: their texts, their kinds, and the few that have a meaning of their own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/gguf.h"
#include "model/tokenizer/text_index.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::model::tokenizer {

// Flags of one token; some tokens have several.
using TokenFlags = uint8_t;
inline constexpr TokenFlags kNormal = 1;
inline constexpr TokenFlags kUnknown = 2;
inline constexpr TokenFlags kControl = 4;      // never part of text
inline constexpr TokenFlags kUserDefined = 8;  // found in text before anything else is
inline constexpr TokenFlags kUnused = 16;
inline constexpr TokenFlags kByte = 32;          // stands for one byte of a character
inline constexpr TokenFlags kStripsLeft = 64;    // swallows the white space before it
inline constexpr TokenFlags kStripsRight = 128;  // and after it

enum class Algorithm { sentencepiece, byte_pairs, unigram };

class Vocab {
 public:
  // Errors: corrupt, unsupported; each names the file and the key.
  static Result<Vocab> read(const Gguf& file);

  Algorithm algorithm() const { return algorithm_; }
  // Its bytes-to-pieces rules where the algorithm has several: tokenizer.ggml.pre. Empty where the file says nothing.
  const std::string& pre() const { return pre_; }

  uint32_t size() const { return static_cast<uint32_t>(flags_.size()); }
  bool has(TokenId token) const { return token >= 0 && static_cast<uint32_t>(token) < size(); }

  // For tokens of this vocabulary.
  std::string_view text(TokenId token) const {
    return std::string_view(texts_).substr(ends_[token], ends_[token + 1] - ends_[token]);
  }
  float score(TokenId token) const { return scores_.empty() ? 0.0F : scores_[token]; }
  TokenFlags flags(TokenId token) const { return flags_[token]; }
  void set_flags(TokenId token, TokenFlags flags) { flags_[token] = flags; }

  // The token of this text, or -1; where several have it, the first.
  TokenId find(std::string_view text) const { return text.size() > longest_bytes_ ? -1 : index_.find(text); }
  size_t longest_bytes() const { return longest_bytes_; }  // of any token's text
  // The token that stands for one byte: "<0x0A>". -1: none.
  TokenId find_byte(unsigned char byte) const;

  TokenId bos = -1, eos = -1, unknown = -1;  // -1: none
  bool add_bos = false, add_eos = false;
  bool add_space_prefix = false;
  std::vector<bool> ends_answer;  // [size()]

 private:
  Vocab() = default;
  Result<void> read_algorithm(const Gguf& file);
  Result<void> read_tokens(const Gguf& file);
  Result<void> read_ids(const Gguf& file);
  Result<void> read_switches(const Gguf& file);

  Algorithm algorithm_ = Algorithm::sentencepiece;
  std::string pre_;
  std::string texts_;
  std::vector<size_t> ends_;  // token t is texts_[ends_[t], ends_[t+1])
  std::vector<float> scores_;
  std::vector<TokenFlags> flags_;
  TextIndex index_{0};
  size_t longest_bytes_ = 0;
};

// The byte that a text such as "<0x0A>" names, or -1.
int named_byte(std::string_view text);

// Tokens after which an answer is over, as the file names them beside EOS. -1: none.
struct EndIds {
  TokenId eot = -1, eom = -1;                                // end of turn, of message
  TokenId fim_pad = -1, fim_repository = -1, fim_file = -1;  // separators of fill-in-the-middle training
};
// Sets `ends_answer`, from the ids and from the texts of well-known tokens, and makes control tokens of those that the
// file took for text. Called by read().
void mark_ends(Vocab& vocab, const EndIds& ids);
// Marks the tokens that swallow white space: files do not say which, so it goes by the name of the model. Called by
// read().
void mark_strips(Vocab& vocab, const Gguf& file);

}  // namespace exogpu::model::tokenizer
