#include "model/tokenizer/tokenizer.h"

#include <algorithm>

#include "base/utf8.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/special_split.h"
#include "model/tokenizer/spm.h"
#include "model/tokenizer/unigram.h"
#include "model/tokenizer/utf8.h"
#include "model/tokenizer/vocab.h"
#include "model/tokenizer/wordpiece.h"

namespace exogpu::model {

using namespace tokenizer;

struct Tokenizer::Impl {
  explicit Impl(Vocab from) : vocab(std::move(from)), splitter(vocab) {}

  Vocab vocab;
  SpecialSplitter splitter;
  std::unique_ptr<Encoder> encoder;
  bool spells_bytes = false;    // tokens are in the byte alphabet
  bool escapes_spaces = false;  // U+2581 in a token means a space
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const Gguf& file) {
  EXO_TRY(Vocab read, Vocab::read(file));
  auto impl = std::make_unique<Impl>(std::move(read));
  Vocab& vocab = impl->vocab;
  switch (vocab.algorithm()) {
    case Algorithm::sentencepiece:
      impl->encoder = std::make_unique<SpmEncoder>(vocab);
      impl->escapes_spaces = true;
      break;
    case Algorithm::unigram: {
      EXO_TRY(impl->encoder, UnigramEncoder::make(vocab, file));
      impl->escapes_spaces = true;
      break;
    }
    case Algorithm::word_pieces: {
      EXO_TRY(const WordNormalizer normalizer, WordNormalizer::read(file));
      impl->encoder = std::make_unique<WordPieceEncoder>(vocab, normalizer);
      impl->escapes_spaces = true;
      break;
    }
    case Algorithm::byte_pairs: {
      const PreTokenizer* pre = find_pre_tokenizer(vocab.pre());
      if (pre == nullptr)
        return fail(
            ErrorCode::unsupported,
            "{}: unknown pre-tokenizer \"{}\" (tokenizer.ggml.pre); a newer version of this program may know it",
            file.path().string(), printable(vocab.pre()));
      EXO_TRY(impl->encoder, BpeEncoder::make(vocab, *pre, file));
      impl->spells_bytes = !pre->raw;
      impl->escapes_spaces = pre->escapes_spaces;
      const bool specified = file.find("tokenizer.ggml.add_bos_token") != nullptr;
      if (pre->insists_on_bos || (pre->adds_bos && !specified)) vocab.add_bos = vocab.bos >= 0;
      break;
    }
  }
  return Tokenizer(std::move(impl));
}

uint32_t Tokenizer::size() const { return impl_->vocab.size(); }
TokenId Tokenizer::bos() const { return impl_->vocab.bos; }
TokenId Tokenizer::eos() const { return impl_->vocab.eos; }
const InfillTokens& Tokenizer::infill_tokens() const { return impl_->vocab.infill; }
bool Tokenizer::adds_bos() const { return impl_->vocab.add_bos; }
bool Tokenizer::is_end(TokenId token) const { return impl_->vocab.has(token) && impl_->vocab.ends_answer[token]; }
bool Tokenizer::is_special(TokenId token) const {
  return impl_->vocab.has(token) && (impl_->vocab.flags(token) & (kControl | kUserDefined)) != 0;
}

bool Tokenizer::is_mark(TokenId token) const {
  const Vocab& vocab = impl_->vocab;
  return vocab.has(token) &&
         ((vocab.flags(token) & (kControl | kUnknown)) != 0 || std::ranges::contains(vocab.shown_marks, token));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  const Vocab& vocab = impl_->vocab;
  std::vector<TokenId> out;
  if (options.add_special && vocab.add_bos) out.push_back(vocab.bos);
  bool after_special = true;
  for (const Fragment& fragment : impl_->splitter.split(text, options.parse_special, options.guards)) {
    after_special = after_special || fragment.token >= 0;
    if (fragment.token >= 0) {
      out.push_back(fragment.token);
    } else {
      impl_->encoder->encode(fragment.text, after_special, out);
      after_special = false;
    }
  }
  if (options.add_special && vocab.add_eos) out.push_back(vocab.eos);
  return out;
}

std::string Tokenizer::piece(TokenId token, bool special) const {
  const Vocab& vocab = impl_->vocab;
  if (!vocab.has(token)) return {};
  const TokenFlags flags = vocab.flags(token);
  const std::string_view text = vocab.text(token);
  if ((flags & (kControl | kUnknown)) != 0) return special ? std::string(text) : std::string();
  if ((flags & kUserDefined) != 0) return std::string(text);
  if ((flags & kNormal) != 0) {
    if (impl_->spells_bytes) return spelled_bytes(text);
    return impl_->escapes_spaces ? unescape_spaces(text) : std::string(text);
  }
  if ((flags & kByte) != 0) {
    if (const int byte = named_byte(text); byte >= 0) return {static_cast<char>(byte)};
    return std::string(text);
  }
  return {};
}

std::string Tokenizer::decode(std::span<const TokenId> tokens, bool special) const {
  const Vocab& vocab = impl_->vocab;
  std::string bytes;
  bool leading_space = vocab.algorithm() == Algorithm::word_pieces ||
                       (vocab.add_space_prefix && vocab.algorithm() != Algorithm::byte_pairs);
  for (TokenId token : tokens) {
    const std::string text = piece(token, special);
    if (leading_space && !text.empty()) {
      const bool is_text = vocab.has(token) && (vocab.flags(token) & (kControl | kUserDefined | kUnknown)) == 0;
      bytes += is_text && text.starts_with(' ') ? std::string_view(text).substr(1) : text;
      leading_space = !is_text;
    } else {
      bytes += text;
    }
  }
  std::string out;
  append_whole(out, bytes, true);
  return out;
}

std::string TokenStream::push(TokenId token) {
  pending_ += tokenizer_->piece(token, special_ || std::ranges::contains(shown_, token));
  std::string out;
  const size_t remaining = append_whole(out, pending_, false);
  pending_.erase(0, pending_.size() - remaining);
  return out;
}

std::string TokenStream::flush() {
  std::string out;
  append_whole(out, pending_, true);
  pending_.clear();
  return out;
}

}  // namespace exogpu::model
