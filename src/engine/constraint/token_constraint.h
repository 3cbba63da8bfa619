// Which tokens may follow, so that a text gets the form that its request asks for. The computation is llguidance's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "model/tokenizer/tokenizer.h"
#include "wire/constraint.h"

namespace exogpu::engine {

class ConstraintVocabulary;

// The state of one text. Copies are independent and continue equally. One thread at a time; copies may be on different
// threads.
class TokenConstraint {
 public:
  TokenConstraint(const TokenConstraint& other);
  TokenConstraint& operator=(const TokenConstraint& other);
  TokenConstraint(TokenConstraint&&) noexcept;
  TokenConstraint& operator=(TokenConstraint&&) noexcept;
  ~TokenConstraint();

  // The tokens that may follow: bit t % 32 of word t / 32 is token t of the vocabulary. At least one: of a text that
  // must end, the end tokens, which are allowed exactly if the text may end. Valid until the next call. Errors:
  // resource_exhausted (the grammar is too ambiguous), failed_precondition (an earlier call failed).
  Result<std::span<const uint32_t>> mask();
  // Appends a token. Errors: failed_precondition, where the mask does not have it.
  Result<void> accept(model::TokenId token);
  bool may_end();

  // Few tokens with which the text gets to where it may end, without the one that ends it. They are found step by step,
  // so they are not always the fewest; null where no end was found. Costs a mask for each token, and nothing where it
  // is known. Errors: those of mask().
  using End = std::optional<std::vector<model::TokenId>>;
  Result<End> short_end();
  // The same after one more token, which the mask has. Errors: those of mask() and accept().
  Result<End> short_end_after(model::TokenId token);
  std::span<const model::TokenId> end_tokens() const;  // all that end a text

 private:
  Result<End> find_end();
  friend class ConstraintVocabulary;
  struct State;
  explicit TokenConstraint(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The tokens of a model as constraints need them, and the constraints compiled last. Thread-safe.
class ConstraintVocabulary {
 public:
  // Takes some 200 ms for 150,000 tokens. Tokenizers with the same tokens share one, while anything uses it.
  // Errors: unsupported (no token ends a text).
  static Result<std::shared_ptr<ConstraintVocabulary>> of(const model::Tokenizer& tokenizer);

  ConstraintVocabulary(const ConstraintVocabulary&) = delete;
  ConstraintVocabulary& operator=(const ConstraintVocabulary&) = delete;
  ~ConstraintVocabulary();

  // The state of an empty text. Takes some milliseconds, at most some hundred; the second time next to nothing.
  // Errors: invalid_argument, which says what is wrong with the constraint or which limit it exceeds.
  Result<TokenConstraint> compile(const wire::Constraint& constraint) EXO_EXCLUDES(mutex_);

  uint32_t size() const;  // tokens
  // The special token with this text (a control token, or a mark like <tool_call>), or -1.
  model::TokenId special(std::string_view text) const;
  // The longest special token at the beginning of `text`, or -1; and its length.
  std::pair<model::TokenId, size_t> special_prefix(std::string_view text) const;

 private:
  struct Tokens;
  explicit ConstraintVocabulary(std::unique_ptr<Tokens> tokens);
  Result<TokenConstraint> compile_new(const wire::Constraint& constraint) const;

  std::unique_ptr<Tokens> tokens_;
  Mutex mutex_;
  struct Compiled {
    TokenConstraint begin;
    uint64_t used = 0;
  };
  std::map<wire::Constraint, Compiled> compiled_ EXO_GUARDED_BY(mutex_);
  uint64_t uses_ EXO_GUARDED_BY(mutex_) = 0;
};

}  // namespace exogpu::engine
