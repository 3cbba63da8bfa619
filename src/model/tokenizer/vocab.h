// The tokens of a model: texts, kinds, and special ids.
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
inline constexpr TokenFlags kUserDefined = 8;  // found in text before all other tokens
inline constexpr TokenFlags kUnused = 16;
inline constexpr TokenFlags kByte = 32;          // represents one byte of a character
inline constexpr TokenFlags kStripsLeft = 64;    // removes the white space before it
inline constexpr TokenFlags kStripsRight = 128;  // removes the white space after it

enum class Algorithm { sentencepiece, byte_pairs, unigram, word_pieces };

class Vocab {
 public:
  // Errors: corrupt, unsupported; each names the file and the key.
  static Result<Vocab> read(const Gguf& file);

  Algorithm algorithm() const { return algorithm_; }
  // The name of the pre-tokenizer: tokenizer.ggml.pre. Empty if the file does not say.
  const std::string& pre() const { return pre_; }

  uint32_t size() const { return static_cast<uint32_t>(flags_.size()); }
  bool has(TokenId token) const { return token >= 0 && static_cast<uint32_t>(token) < size(); }

  // Only for tokens of this vocabulary.
  std::string_view text(TokenId token) const {
    return std::string_view(texts_).substr(ends_[token], ends_[token + 1] - ends_[token]);
  }
  float score(TokenId token) const { return scores_.empty() ? 0.0F : scores_[token]; }
  TokenFlags flags(TokenId token) const { return flags_[token]; }
  void set_flags(TokenId token, TokenFlags flags) { flags_[token] = flags; }

  // The token with this text, or -1; if several have it, the first.
  TokenId find(std::string_view text) const { return text.size() > longest_bytes_ ? -1 : index_.find(text); }
  size_t longest_bytes() const { return longest_bytes_; }  // of any token's text
  // The token for one byte: "<0x0A>". -1: none.
  TokenId find_byte(unsigned char byte) const;

  TokenId bos = -1, eos = -1, unknown = -1;  // -1: none
  bool add_bos = false, add_eos = false;
  bool add_space_prefix = false;
  InfillTokens infill;
  std::vector<bool> ends_answer;     // [size()]
  std::vector<TokenId> shown_marks;  // control tokens whose text is shown: their flag is kUserDefined

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

// The byte named by a text such as "<0x0A>", or -1.
int named_byte(std::string_view text);

// Tokens that end an answer, besides EOS, as the file names them. -1: none.
struct EndIds {
  TokenId eot = -1, eom = -1;  // end of turn, of message
  TokenId fim_pad = -1;        // padding of fill-in-the-middle training
  InfillTokens infill{};       // of which the separators of repositories and files end an answer
};
// Sets `ends_answer` and `infill` from the ids and from the texts of well-known tokens, and turns those that the file
// marks as text into control tokens. Called by read().
void mark_ends(Vocab& vocab, const EndIds& ids);
// Marks the tokens that remove white space. Files do not list them, so they follow from the model's name. Called by
// read().
void mark_strips(Vocab& vocab, const Gguf& file);

}  // namespace exogpu::model::tokenizer
