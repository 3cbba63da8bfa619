#include "model/tokenizer/vocab.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/utf8.h"

namespace exogpu::model::tokenizer {
namespace {

constexpr size_t kMaxTokens = size_t{1} << 24;  // the largest vocabularies in use have 2^18

std::string key_of(std::string_view name) { return "tokenizer.ggml." + std::string(name); }

// An array that may be missing; `elements` is the getter for its element type.
template <typename T>
Result<const std::vector<T>*> read_array(const Gguf& file, std::string_view name, std::string_view type,
                                         const std::vector<T>* (Gguf::*elements)(std::string_view) const) {
  const std::string key = key_of(name);
  const auto* values = (file.*elements)(key);
  if (values == nullptr && file.find(key) != nullptr)
    return fail(ErrorCode::corrupt, "{}: {} is not an array of {}; convert the model again", file.path().string(), key,
                type);
  return values;
}

template <typename T>
Result<void> check_length(const Gguf& file, std::string_view name, const std::vector<T>* values, size_t tokens) {
  if (values != nullptr && values->size() != tokens)
    return fail(ErrorCode::corrupt, "{}: {} has {} entries for {} tokens; convert the model again",
                file.path().string(), key_of(name), values->size(), tokens);
  return {};
}

// The values of tokenizer.ggml.token_type.
TokenFlags flags_of_type(int64_t type) {
  switch (type) {
    case 1: return kNormal;
    case 2: return kUnknown;
    case 3: return kControl;
    case 4: return kUserDefined;
    case 5: return kUnused;
    case 6: return kByte;
    default: return 0;
  }
}

// A token id; empty if the file has none or says "none" (-1, also as an unsigned number), or if it is beyond the
// vocabulary, as some converters write it.
Result<std::optional<TokenId>> read_id(const Gguf& file, std::string_view name, uint32_t tokens) {
  const std::string key = key_of(name);
  const MetaValue* value = file.find(key);
  if (value == nullptr) return std::nullopt;
  const auto* id = std::get_if<int64_t>(value);
  if (id == nullptr)
    return fail(ErrorCode::corrupt, "{}: {} is not a number; convert the model again", file.path().string(), key);
  if (*id < 0 || *id >= tokens) return std::nullopt;
  return static_cast<TokenId>(*id);
}

}  // namespace

Result<Vocab> Vocab::read(const Gguf& file) {
  Vocab vocab;
  EXO_CHECK(vocab.read_algorithm(file));
  EXO_CHECK(vocab.read_tokens(file));
  EXO_CHECK(vocab.read_switches(file));
  EXO_CHECK(vocab.read_ids(file));
  mark_strips(vocab, file);
  return vocab;
}

Result<void> Vocab::read_algorithm(const Gguf& file) {
  const std::string path = file.path().string();
  EXO_TRY(const std::string model, file.get_string_or(key_of("model"), ""));
  EXO_TRY(pre_, file.get_string_or(key_of("pre"), ""));
  if (model == "llama") {
    algorithm_ = Algorithm::sentencepiece;
  } else if (model == "gpt2") {
    algorithm_ = Algorithm::byte_pairs;
  } else if (model == "gemma4") {
    algorithm_ = Algorithm::byte_pairs;
    pre_ = model;
  } else if (model == "t5") {
    algorithm_ = Algorithm::unigram;
  } else if (model == "bert") {
    algorithm_ = Algorithm::word_pieces;
  } else if (model.empty() || model == "none" || model == "no_vocab") {
    return fail(ErrorCode::unsupported,
                "{}: the file has no tokenizer; use a file that has one, or give token ids instead of text", path);
  } else {
    return fail(ErrorCode::unsupported,
                "{}: unknown tokenizer \"{}\" (tokenizer.ggml.model); supported are llama, gpt2, gemma4, t5 and bert",
                path, printable(model));
  }
  return {};
}

Result<void> Vocab::read_tokens(const Gguf& file) {
  const std::string path = file.path().string();
  EXO_TRY(const auto* tokens, read_array(file, "tokens", "texts", &Gguf::strings));
  if (tokens == nullptr || tokens->empty())
    return fail(ErrorCode::corrupt, "{}: tokenizer.ggml.tokens is {}; convert the model again", path,
                tokens == nullptr ? "missing" : "empty");
  if (tokens->size() > kMaxTokens)
    return fail(ErrorCode::unsupported, "{}: {} tokens; at most {} are supported", path, tokens->size(), kMaxTokens);

  // Some files have integer scores.
  const auto* whole_scores = file.ints(key_of("scores"));
  const std::vector<double>* scores = nullptr;
  if (whole_scores == nullptr) {
    EXO_TRY(scores, read_array(file, "scores", "numbers", &Gguf::floats));
  }
  EXO_TRY(const auto* types, read_array(file, "token_type", "integers", &Gguf::ints));
  EXO_CHECK(check_length(file, "scores", whole_scores, tokens->size()));
  EXO_CHECK(check_length(file, "scores", scores, tokens->size()));
  EXO_CHECK(check_length(file, "token_type", types, tokens->size()));
  const bool needs_scores = algorithm_ == Algorithm::sentencepiece || algorithm_ == Algorithm::unigram;
  if (needs_scores && scores == nullptr && whole_scores == nullptr)
    return fail(ErrorCode::corrupt, "{}: tokenizer.ggml.scores is missing; convert the model again", path);
  if (scores != nullptr) scores_.assign(scores->begin(), scores->end());
  if (whole_scores != nullptr) scores_.assign(whole_scores->begin(), whole_scores->end());

  for (size_t i = 0; i < scores_.size(); ++i) {
    if (std::isnan(scores_[i]))
      return fail(ErrorCode::corrupt, "{}: tokenizer.ggml.scores: entry {} is not a number; convert the model again",
                  path, i);
  }

  ends_.reserve(tokens->size() + 1);
  ends_.push_back(0);
  for (const std::string& text : *tokens) {
    texts_ += text;
    ends_.push_back(texts_.size());
    longest_bytes_ = std::max(longest_bytes_, text.size());
  }
  flags_.resize(tokens->size(), kNormal);
  index_ = TextIndex(tokens->size());
  for (TokenId id = 0; id < static_cast<TokenId>(size()); ++id) {
    if (types != nullptr) flags_[id] = flags_of_type((*types)[id]);
    if (!text(id).empty()) index_.add(text(id), id);
  }
  return {};
}

Result<void> Vocab::read_switches(const Gguf& file) {
  if (algorithm_ == Algorithm::word_pieces) {  // [CLS] and [SEP] are always added
    add_bos = add_eos = true;
    return {};
  }
  EXO_TRY(add_bos, file.get_bool_or(key_of("add_bos_token"), algorithm_ == Algorithm::sentencepiece));
  EXO_TRY(add_eos, file.get_bool_or(key_of("add_eos_token"), algorithm_ == Algorithm::unigram));
  EXO_TRY(add_space_prefix, file.get_bool_or(key_of("add_space_prefix"), algorithm_ == Algorithm::sentencepiece));
  return {};
}

Result<void> Vocab::read_ids(const Gguf& file) {
  const auto id_or = [&](std::string_view name, TokenId fallback) -> Result<TokenId> {
    EXO_TRY(const auto id, read_id(file, name, size()));
    return id.value_or(has(fallback) ? fallback : -1);
  };
  // The defaults of SentencePiece models and T5.
  const bool spm = algorithm_ == Algorithm::sentencepiece, unigram = algorithm_ == Algorithm::unigram;
  EXO_TRY(bos, id_or("bos_token_id", spm ? 1 : -1));
  EXO_TRY(eos, id_or("eos_token_id", spm ? 2 : unigram ? 1 : -1));
  EXO_TRY(unknown, id_or("unknown_token_id", spm ? 0 : unigram ? 2 : -1));
  if (algorithm_ == Algorithm::word_pieces) {
    EXO_TRY(bos, id_or("bos_token_id", 101));
    EXO_TRY(eos, id_or("seperator_token_id", 102));  // as the key is spelt
    EXO_TRY(unknown, id_or("unknown_token_id", 100));
  }
  EndIds ends;
  EXO_TRY(ends.eot, id_or("eot_token_id", -1));
  EXO_TRY(ends.eom, id_or("eom_token_id", -1));
  EXO_TRY(ends.fim_pad, id_or("fim_pad_token_id", -1));
  const auto infill_id = [&](std::string_view name, std::string_view older) -> Result<TokenId> {
    EXO_TRY(const TokenId former, id_or(older, -1));
    return id_or(name, former);
  };
  EXO_TRY(ends.infill.prefix, infill_id("fim_pre_token_id", "prefix_token_id"));
  EXO_TRY(ends.infill.suffix, infill_id("fim_suf_token_id", "suffix_token_id"));
  EXO_TRY(ends.infill.middle, infill_id("fim_mid_token_id", "middle_token_id"));
  EXO_TRY(ends.infill.repository, id_or("fim_rep_token_id", -1));
  EXO_TRY(ends.infill.file, id_or("fim_sep_token_id", -1));
  mark_ends(*this, ends);

  add_bos = add_bos && bos >= 0;
  add_eos = add_eos && eos >= 0;
  return {};
}

TokenId Vocab::find_byte(unsigned char byte) const {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const std::array<char, 6> text = {'<', '0', 'x', kHex[byte >> 4], kHex[byte & 15], '>'};
  return find(std::string_view(text.data(), text.size()));
}

int named_byte(std::string_view text) {
  unsigned byte = 0;
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const auto [end, error] = std::from_chars(text.data() + 3, text.data() + 5, byte, 16);
  return error == std::errc() && end == text.data() + 5 ? static_cast<int>(byte) : -1;
}

}  // namespace exogpu::model::tokenizer
