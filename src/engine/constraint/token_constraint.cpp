#include "engine/constraint/token_constraint.h"

#include <llguidance.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <format>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "engine/constraint/closing_tokens.h"
#include "engine/constraint/deep_stack.h"
#include "engine/constraint/grammar_text.h"

namespace exogpu::engine {
namespace {

constexpr size_t kWordBits = 32;
constexpr size_t kShortEndMax = 512;    // tokens
constexpr size_t kCompiledMax = 32;     // constraints that a vocabulary remembers
constexpr size_t kComplaintMax = 1000;  // bytes of the library's words in a message
constexpr std::chrono::milliseconds kCompileMax{500};
constexpr char kSpecialMark = '\xFF';  // before a special token's text, which is thus no text at all

struct MatcherDeleter {
  void operator()(LlgMatcher* matcher) const { llg_free_matcher(matcher); }
};
struct TokenizerDeleter {
  void operator()(LlgTokenizer* tokenizer) const { llg_free_tokenizer(tokenizer); }
};
using Matcher = std::unique_ptr<LlgMatcher, MatcherDeleter>;
using LlgVocabulary = std::unique_ptr<LlgTokenizer, TokenizerDeleter>;

// What the library says for people, in one line; its own state follows behind a mark.
std::string complaint_of(LlgMatcher& matcher) {
  const char* text = llg_matcher_get_error(&matcher);
  std::string_view rest(text == nullptr ? "" : text);
  rest = rest.substr(0, std::min({rest.find("\n<non-verbose"), rest.find("<backtrace>"), kComplaintMax}));
  std::string line;
  for (const char c : rest) {
    const bool space = c == '\n' || c == ' ';
    if (!space || (!line.empty() && line.back() != ' ')) line += space ? ' ' : c;
  }
  return printable(line);
}

// A token that writes a mark, as <tool_call> is one, stands for itself only: text that looks like it is cut otherwise.
bool is_mark(std::string_view text) {
  return text.size() > 2 &&
         ((text.front() == '<' && text.back() == '>') || (text.front() == '[' && text.back() == ']'));
}

// What the library gets to know of the tokens, one after another.
struct TokenTexts {
  std::string bytes;
  std::vector<uint32_t> sizes;
  std::vector<LlgToken> ends;
  std::map<std::string, model::TokenId, std::less<>> special;
  friend bool operator==(const TokenTexts&, const TokenTexts&) = default;
};

TokenTexts texts_of(const model::Tokenizer& tokenizer) {
  TokenTexts out;
  for (uint32_t i = 0; i < tokenizer.size(); ++i) {
    const auto token = static_cast<model::TokenId>(i);
    const std::string text = tokenizer.piece(token);
    const bool ends = tokenizer.is_end(token);
    const size_t begin = out.bytes.size();
    if (ends || (tokenizer.is_special(token) && (text.empty() || is_mark(text)))) {
      const std::string name = tokenizer.piece(token, true);
      out.bytes += kSpecialMark + name;
      if (!name.empty()) out.special.emplace(name, token);
    } else {
      out.bytes += text;
    }
    out.sizes.push_back(static_cast<uint32_t>(out.bytes.size() - begin));
    if (ends) out.ends.push_back(i);
  }
  return out;
}

// Of this thread: how busy the machine is does not matter.
std::chrono::nanoseconds cpu_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

LlgConstraintInit init_of(const LlgTokenizer& vocabulary) {
  LlgConstraintInit init{};
  llg_constraint_init_set_defaults(&init, &vocabulary);
  init.log_buffer_level = 0;
  init.log_stderr_level = 0;
  init.limits.verbose_errors = false;
  return init;
}

}  // namespace

struct TokenConstraint::State {
  Matcher matcher;
  std::vector<uint32_t> mask;
  std::shared_ptr<const ClosingTokens> closing;
  std::optional<End> end{};                    // of the text as it is, where known
  std::optional<model::TokenId> next_token{};  // for which next_end is known
  End next_end{};                              // after that token

  // A copy that continues equally.
  State clone() const {
    return {.matcher = Matcher(llg_clone_matcher(matcher.get())), .mask = mask, .closing = closing, .end = end};
  }
  // `token` has been appended.
  void advance(model::TokenId token) {
    if (next_token == token) {
      end = std::move(next_end);
    } else if (end && *end && !(*end)->empty() && (*end)->front() == token) {
      (*end)->erase((*end)->begin());
    } else {
      end.reset();
    }
    next_token.reset();
  }

  Error failure(std::string_view doing) const {
    const bool exhausted = complaint_of(*matcher).contains("too complex") || complaint_of(*matcher).contains("limit");
    return {exhausted ? ErrorCode::resource_exhausted : ErrorCode::failed_precondition,
            std::format("the constraint of the answer {}: {}", doing, complaint_of(*matcher))};
  }
};

TokenConstraint::TokenConstraint(std::unique_ptr<State> state) : state_(std::move(state)) {}
TokenConstraint::TokenConstraint(TokenConstraint&&) noexcept = default;
TokenConstraint& TokenConstraint::operator=(TokenConstraint&&) noexcept = default;
TokenConstraint::~TokenConstraint() = default;

TokenConstraint::TokenConstraint(const TokenConstraint& other)
    : state_(std::make_unique<State>(other.state_->clone())) {}

TokenConstraint& TokenConstraint::operator=(const TokenConstraint& other) {
  if (this != &other) *this = TokenConstraint(other);
  return *this;
}

Result<std::span<const uint32_t>> TokenConstraint::mask() {
  std::vector<uint32_t>& mask = state_->mask;
  LlgMatcher* matcher = state_->matcher.get();
  if (llg_matcher_compute_mask_into(matcher, mask.data(), mask.size() * sizeof(uint32_t)) != 0) {
    return std::unexpected(state_->failure("has no mask"));
  }
  return std::span<const uint32_t>(mask);
}

Result<void> TokenConstraint::accept(model::TokenId token) {
  LlgMatcher* matcher = state_->matcher.get();
  // Of a text that must end, the library takes no token any more, but its mask has those that end it.
  if (llg_matcher_is_stopped(matcher) && !llg_matcher_is_error(matcher)) {
    EXO_TRY(const std::span<const uint32_t> ends, mask());
    const auto index = static_cast<size_t>(token);
    if (index / kWordBits < ends.size() && (ends[index / kWordBits] >> (index % kWordBits) & 1U) != 0) return {};
    return fail(ErrorCode::failed_precondition, "the answer has its form and must end; token {} cannot follow", token);
  }
  if (llg_matcher_consume_token(matcher, static_cast<uint32_t>(token)) == 0) {
    state_->advance(token);
    return {};
  }
  return std::unexpected(state_->failure(std::format("does not allow token {}", token)));
}

Result<TokenConstraint::End> TokenConstraint::find_end() {
  std::vector<model::TokenId> tokens;
  while (tokens.size() < kShortEndMax && !may_end()) {
    EXO_TRY(const auto allowed, mask());
    tokens.push_back(state_->closing->choose(allowed, tokens.empty() ? std::nullopt : std::optional(tokens.back())));
    EXO_CHECK(accept(tokens.back()));
  }
  const bool ends = may_end();
  if (!tokens.empty() && llg_matcher_rollback(state_->matcher.get(), tokens.size()) != 0) {
    return std::unexpected(state_->failure("cannot go back"));
  }
  state_->next_token.reset();
  return ends ? End(std::move(tokens)) : End();
}

Result<TokenConstraint::End> TokenConstraint::short_end() {
  if (!state_->end) {
    EXO_TRY(state_->end, find_end());
  }
  return *state_->end;
}

Result<TokenConstraint::End> TokenConstraint::short_end_after(model::TokenId token) {
  if (state_->next_token == token) return state_->next_end;
  const std::optional<End> before = state_->end;
  EXO_CHECK(accept(token));
  EXO_CHECK(short_end());
  if (llg_matcher_rollback(state_->matcher.get(), 1) != 0) return std::unexpected(state_->failure("cannot go back"));
  state_->next_end = *std::exchange(state_->end, before);
  state_->next_token = token;
  return state_->next_end;
}

std::span<const model::TokenId> TokenConstraint::end_tokens() const { return state_->closing->end_tokens(); }

bool TokenConstraint::may_end() { return llg_matcher_is_accepting(state_->matcher.get()); }

struct ConstraintVocabulary::Tokens {
  TokenTexts texts;
  LlgVocabulary library;
  size_t special_bytes_max = 0;
  std::shared_ptr<const ClosingTokens> closing{};
};

namespace {

// The vocabularies that are in use, by a hash of their texts.
struct SharedVocabularies {
  Mutex mutex;
  std::map<size_t, std::weak_ptr<ConstraintVocabulary>> by_hash EXO_GUARDED_BY(mutex);
};

SharedVocabularies& shared_vocabularies() {
  static SharedVocabularies shared;
  return shared;
}

Result<LlgVocabulary> build(const TokenTexts& texts) {
  LlgTokenizerInitV2 init{};
  init.struct_size = sizeof init;
  init.vocab_size = static_cast<uint32_t>(texts.sizes.size());
  init.tok_eos = texts.ends.front();
  init.tok_eos_extra = texts.ends.data() + 1;
  init.tok_eos_extra_count = static_cast<uint32_t>(texts.ends.size() - 1);
  init.token_lens = texts.sizes.data();
  init.token_bytes = reinterpret_cast<const uint8_t*>(texts.bytes.data());
  init.use_approximate_greedy_tokenize_fn = true;  // it only matters to tokens that are forced, which are not used
  std::array<char, 256> complaint{};
  LlgVocabulary library(llg_new_tokenizer_v2(&init, complaint.data(), complaint.size()));
  if (library) return library;
  return fail(ErrorCode::unsupported, "the model's tokens cannot be constrained: {}", printable(complaint.data()));
}

}  // namespace

ConstraintVocabulary::ConstraintVocabulary(std::unique_ptr<Tokens> tokens) : tokens_(std::move(tokens)) {}
ConstraintVocabulary::~ConstraintVocabulary() = default;

Result<std::shared_ptr<ConstraintVocabulary>> ConstraintVocabulary::of(const model::Tokenizer& tokenizer) {
  auto tokens = std::make_unique<Tokens>(texts_of(tokenizer));
  const TokenTexts& texts = tokens->texts;
  if (texts.ends.empty()) {
    return fail(ErrorCode::unsupported, "no token of the model ends a text, so an answer cannot be given a form");
  }
  const size_t hash = std::hash<std::string>()(texts.bytes);
  SharedVocabularies& shared = shared_vocabularies();
  const MutexLock lock(shared.mutex);
  std::weak_ptr<ConstraintVocabulary>& known = shared.by_hash[hash];
  if (auto same = known.lock(); same && same->tokens_->texts == texts) return same;
  EXO_TRY(tokens->library, build(texts));
  tokens->closing = std::make_shared<const ClosingTokens>(texts.bytes, texts.sizes, texts.ends);
  for (const auto& [name, token] : texts.special) {
    tokens->special_bytes_max = std::max(tokens->special_bytes_max, name.size());
  }
  std::shared_ptr<ConstraintVocabulary> made(new ConstraintVocabulary(std::move(tokens)));
  known = made;
  return made;
}

uint32_t ConstraintVocabulary::size() const { return static_cast<uint32_t>(tokens_->texts.sizes.size()); }

model::TokenId ConstraintVocabulary::special(std::string_view text) const {
  const auto found = tokens_->texts.special.find(text);
  return found == tokens_->texts.special.end() ? -1 : found->second;
}

std::pair<model::TokenId, size_t> ConstraintVocabulary::special_prefix(std::string_view text) const {
  for (size_t size = std::min(text.size(), tokens_->special_bytes_max); size > 0; --size) {
    if (const model::TokenId token = special(text.substr(0, size)); token >= 0) return {token, size};
  }
  return {-1, 0};
}

Result<TokenConstraint> ConstraintVocabulary::compile_new(const wire::Constraint& constraint) const {
  EXO_TRY(const GrammarText grammar, grammar_text(constraint, *this));
  const auto begun = cpu_time();
  const LlgConstraintInit init = init_of(*tokens_->library);
  Matcher matcher(llg_new_matcher(&init, grammar.type, grammar.text.c_str()));
  const auto refused = [&](std::string_view why) {
    return fail(ErrorCode::invalid_argument, "the {} cannot be used: {}", kind_name(constraint.kind), why);
  };
  if (llg_matcher_is_error(matcher.get())) return refused(complaint_of(*matcher));
  auto state = std::make_unique<TokenConstraint::State>();
  state->mask.resize((size() + kWordBits - 1) / kWordBits);
  state->matcher = std::move(matcher);
  state->closing = tokens_->closing;
  TokenConstraint begin(std::move(state));
  // What no text can satisfy, and what takes too long at the very first token, is known now.
  const auto mask = begin.mask();
  if (!mask) {
    return refused(std::format("no text has this form, or it takes too long to find out ({})",
                               complaint_of(*begin.state_->matcher)));
  }
  // The last stage compiles it again, and its other answers may have to wait for that.
  if (const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(cpu_time() - begun); took > kCompileMax) {
    return refused(std::format("it takes {} to compile, and {} is the most; make it smaller", took, kCompileMax));
  }
  return begin;
}

Result<TokenConstraint> ConstraintVocabulary::compile(const wire::Constraint& constraint) {
  {
    const MutexLock lock(mutex_);
    if (const auto found = compiled_.find(constraint); found != compiled_.end()) {
      found->second.used = ++uses_;
      return found->second.begin;
    }
  }
  Result<TokenConstraint> compiled = fail(ErrorCode::internal, "a constraint was not compiled");
  EXO_CHECK(on_deep_stack([&] { compiled = compile_new(constraint); }));
  EXO_TRY(TokenConstraint begin, std::move(compiled));
  const MutexLock lock(mutex_);
  if (compiled_.size() >= kCompiledMax) {
    compiled_.erase(std::ranges::min_element(compiled_, {}, [](const auto& entry) { return entry.second.used; }));
  }
  compiled_.insert_or_assign(constraint, Compiled{.begin = begin, .used = ++uses_});
  return begin;
}

}  // namespace exogpu::engine
