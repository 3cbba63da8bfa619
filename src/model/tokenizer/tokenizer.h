// Converts text to token ids and back, as the model file describes it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/gguf.h"
#include "wire/sampling.h"

namespace exogpu::model {

using wire::TokenId;

struct EncodeOptions {
  bool add_special = true;     // BOS/EOS if the file requests them
  bool parse_special = false;  // text such as "<|im_end|>" becomes that one token; for rendered chat templates
  // Byte positions, ascending, that no special token lies across, not even one that is found in any text. See
  // TextGuard.
  std::span<const size_t> guards = {};
};

// The tokens around the parts of a text whose middle a model is to write. -1: the vocabulary has none.
struct InfillTokens {
  TokenId prefix = -1, suffix = -1, middle = -1;
  TokenId repository = -1, file = -1;  // before the names of the repository and of each file in it

  bool complete() const { return prefix >= 0 && suffix >= 0 && middle >= 0; }
};

// Thread-safe once loaded.
class Tokenizer {
 public:
  // Errors: corrupt (missing or contradictory vocabulary), unsupported (an unknown tokenizer or pre-tokenizer; named).
  static Result<Tokenizer> load(const Gguf& file);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  uint32_t size() const;
  // Invalid UTF-8 is encoded through byte tokens, or as U+FFFD if the vocabulary has none; never an error.
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // The bytes of one token inside a text; empty for control tokens unless `special`. May be part of a character.
  std::string piece(TokenId token, bool special = false) const;
  // The text of all tokens, without the leading space that encode() added.
  std::string decode(std::span<const TokenId> tokens, bool special = false) const;

  TokenId bos() const;  // -1 if the vocabulary has none; likewise below
  TokenId eos() const;
  bool is_end(TokenId token) const;      // any token that ends an answer: EOS, EOT, <|im_end|>, ...
  bool is_special(TokenId token) const;  // control and user-defined tokens
  bool is_mark(TokenId token) const;     // control tokens, also those whose text is shown to readers of answers
  const InfillTokens& infill_tokens() const;
  bool adds_bos() const;  // whether encode(add_special) starts with BOS

  struct Impl;

 private:
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Converts a stream of tokens to text. Delays bytes until they form whole characters. The tokenizer must outlive it.
class TokenStream {
 public:
  // Special tokens give their text if `special`, or if they are among `shown`.
  explicit TokenStream(const Tokenizer& tokenizer, bool special = false, std::vector<TokenId> shown = {})
      : tokenizer_(&tokenizer), special_(special), shown_(std::move(shown)) {}
  // The text that is complete after `token`; may be empty. Never ends inside a UTF-8 character.
  std::string push(TokenId token);
  // The delayed bytes at the end, with U+FFFD for incomplete characters.
  std::string flush();

 private:
  const Tokenizer* tokenizer_;
  bool special_;
  std::vector<TokenId> shown_;  // few
  std::string pending_;
};

}  // namespace exogpu::model
