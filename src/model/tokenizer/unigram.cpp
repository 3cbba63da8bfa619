#include "model/tokenizer/unigram.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "model/tokenizer/spm.h"
#include "model/tokenizer/utf8.h"

namespace exogpu::model::tokenizer {
namespace {

constexpr float kUnknownPenalty = 10.0F;  // below the lowest score of a token
constexpr std::string_view kReplacementUtf8 = "\uFFFD";

}  // namespace

Result<CharsMap> CharsMap::read(const std::vector<int64_t>& bytes, const std::string& path) {
  std::string packed;
  packed.reserve(bytes.size());
  for (int64_t byte : bytes) packed += static_cast<char>(byte);
  uint32_t trie_bytes = 0;
  if (packed.size() >= sizeof trie_bytes) std::memcpy(&trie_bytes, packed.data(), sizeof trie_bytes);
  if (packed.size() < sizeof trie_bytes || trie_bytes >= packed.size() - sizeof trie_bytes)
    return fail(ErrorCode::corrupt,
                "{}: tokenizer.ggml.precompiled_charsmap is cut off after {} bytes; convert the model again", path,
                packed.size());
  CharsMap map;
  map.nodes_.resize(trie_bytes / sizeof(uint32_t));
  std::memcpy(map.nodes_.data(), packed.data() + sizeof trie_bytes, map.nodes_.size() * sizeof(uint32_t));
  map.replacements_ = packed.substr(sizeof trie_bytes + trie_bytes);
  return map;
}

CharsMap::Match CharsMap::longest(std::string_view text) const {
  const auto base = [](uint32_t node) { return (node >> 10) << ((node & 0x200) >> 6); };
  Match match;
  if (nodes_.empty()) return match;
  uint32_t at = base(nodes_[0]);
  for (size_t i = 0; i < text.size() && text[i] != 0; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    at ^= byte;
    if (at >= nodes_.size() || (nodes_[at] & 0x800000FF) != byte) break;
    const bool ends = (nodes_[at] & 0x100) != 0;
    at ^= base(nodes_[at]);
    if (at >= nodes_.size()) break;
    if (!ends) continue;
    const size_t begin = nodes_[at] & 0x7FFFFFFF;
    const size_t end = begin < replacements_.size() ? replacements_.find('\0', begin) : std::string::npos;
    if (end != std::string::npos) match = {i + 1, std::string_view(replacements_).substr(begin, end - begin)};
  }
  return match;
}

UnigramEncoder::UnigramEncoder(const Vocab& vocab) : vocab_(&vocab) {
  std::vector<PrefixTable::Entry> tokens, user_defined;
  float lowest = std::numeric_limits<float>::max();
  for (TokenId token = 0; vocab.has(token); ++token) {
    const TokenFlags flags = vocab.flags(token);
    if ((flags & kNormal) != 0) lowest = std::min(lowest, vocab.score(token));
    if (vocab.text(token).empty()) continue;
    if ((flags & (kNormal | kUserDefined | kUnused)) != 0) tokens.push_back({vocab.text(token), token});
    if ((flags & kUserDefined) != 0) user_defined.push_back({vocab.text(token), token});
  }
  unknown_score_ = lowest - kUnknownPenalty;
  tokens_ = PrefixTable(std::move(tokens));
  user_defined_ = PrefixTable(std::move(user_defined));
}

Result<std::unique_ptr<UnigramEncoder>> UnigramEncoder::make(const Vocab& vocab, const Gguf& file) {
  constexpr std::string_view kCharsMap = "tokenizer.ggml.precompiled_charsmap";
  auto encoder = std::unique_ptr<UnigramEncoder>(new UnigramEncoder(vocab));
  EXO_TRY(encoder->merges_spaces_, file.get_bool_or("tokenizer.ggml.remove_extra_whitespaces", false));
  if (file.find(kCharsMap) != nullptr) {
    const auto* bytes = file.ints(kCharsMap);
    if (bytes == nullptr)
      return fail(ErrorCode::corrupt, "{}: {} is not an array of bytes; convert the model again", file.path().string(),
                  kCharsMap);
    EXO_TRY(encoder->charsmap_, CharsMap::read(*bytes, file.path().string()));
  }
  return encoder;
}

std::string UnigramEncoder::normalized(std::string_view text) const {
  std::string out;
  bool in_word = false, prefixed = false;
  const auto add = [&](std::string_view part) {
    for (char c : part) {
      if (c == ' ') {
        in_word = false;
        if (!merges_spaces_) out += kEscapedSpace;
        continue;
      }
      if (!in_word && (merges_spaces_ || (vocab_->add_space_prefix && !prefixed))) {
        out += kEscapedSpace;
        prefixed = true;
      }
      in_word = true;
      out += c;
    }
  };
  while (!text.empty()) {
    size_t size = 0;
    if (user_defined_.size() > 0) {
      for (auto node = user_defined_.enter(text[0]); !node.empty(); node = user_defined_.follow(node, text[size])) {
        if (++size == text.size()) break;
      }
    }
    if (size > 0) {
      add(text.substr(0, size));
    } else if (const auto match = charsmap_.longest(text); match.size > 0) {
      size = match.size;
      add(match.replacement);
    } else if (size = character_length(text); size > 0) {
      add(text.substr(0, size));
    } else {
      size = 1;
      add(kReplacementUtf8);
    }
    text.remove_prefix(size);
  }
  return out;
}

void UnigramEncoder::encode(std::string_view raw, bool /*after_special*/, std::vector<TokenId>& out) const {
  const std::string text = normalized(raw);
  // The best split of the text up to each byte: the last token, its begin, and the sum of scores.
  struct Best {
    TokenId token;
    size_t begin;
    double score;
  };
  std::vector<Best> best(text.size() + 1, {vocab_->unknown, 0, std::numeric_limits<double>::lowest()});
  best[0].score = 0;
  const auto offer = [&](size_t begin, size_t end, TokenId token, double score) {
    if (best[begin].score + score > best[end].score) best[end] = {token, begin, best[begin].score + score};
  };
  for (size_t begin = 0; begin < text.size();) {
    const size_t character = std::min(length_by_lead(text[begin]), text.size() - begin);
    bool has_character = false;
    size_t end = begin + 1;
    for (auto node = tokens_.enter(text[begin]); !node.empty(); node = tokens_.follow(node, text[end++])) {
      if (const auto* entry = tokens_.at(node); entry != nullptr) {
        const TokenId token = entry->value;
        offer(begin, end, token, (vocab_->flags(token) & kUserDefined) != 0 ? 0.0 : vocab_->score(token));
        if (end - begin == character) has_character = true;
      }
      if (end == text.size()) break;
    }
    if (!has_character) offer(begin, begin + character, vocab_->unknown, unknown_score_);
    begin += character;
  }
  const auto first = static_cast<ptrdiff_t>(out.size());
  bool after_unknown = false;
  for (size_t end = text.size(); end > 0; end = best[end].begin) {
    const TokenId token = best[end].token;
    const bool is_unknown = token == vocab_->unknown;
    if (token >= 0 && !(is_unknown && after_unknown)) out.push_back(token);
    after_unknown = is_unknown;
  }
  std::reverse(out.begin() + first, out.end());
}

}  // namespace exogpu::model::tokenizer
