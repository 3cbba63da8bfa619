#include "model/tokenizer/spm.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "model/tokenizer/utf8.h"

namespace exogpu::model::tokenizer {
namespace {

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  while (true) {
    const size_t found = text.find(from);
    out += text.substr(0, found);
    if (found == text.npos) return out;
    out += to;
    text.remove_prefix(found + from.size());
  }
}

}  // namespace

std::string escape_spaces(std::string_view text) { return replaced(text, " ", kEscapedSpace); }
std::string unescape_spaces(std::string_view text) { return replaced(text, kEscapedSpace, " "); }

SpmEncoder::SpmEncoder(const Vocab& vocab) : vocab_(&vocab), ranks_(vocab.size()) {
  std::vector<TokenId> by_score(vocab.size());
  std::iota(by_score.begin(), by_score.end(), 0);
  std::ranges::stable_sort(by_score, std::greater(), [&](TokenId token) { return vocab.score(token); });
  for (size_t i = 0; i < by_score.size(); ++i) {
    const bool same = i > 0 && vocab.score(by_score[i]) == vocab.score(by_score[i - 1]);
    ranks_[by_score[i]] = same ? ranks_[by_score[i - 1]] : static_cast<uint32_t>(i);
  }
  for (size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
    byte_tokens_[byte] = vocab.find_byte(static_cast<unsigned char>(byte));
    const char itself = static_cast<char>(byte);
    if (byte_tokens_[byte] < 0) byte_tokens_[byte] = vocab.find({&itself, 1});
    if (byte_tokens_[byte] < 0) byte_tokens_[byte] = vocab.unknown;
  }
  for (TokenId token = 0; vocab.has(token); ++token) {
    const std::string_view text = vocab.text(token);
    for (size_t at = text.find(kEscapedSpace, 1); at != text.npos; at = text.find(kEscapedSpace, at + 1))
      joins_[static_cast<unsigned char>(text[at - 1])] = true;
  }
}

void SpmEncoder::encode(std::string_view text, bool after_special, std::vector<TokenId>& out) const {
  std::string escaped = vocab_->add_space_prefix && after_special ? std::string(kEscapedSpace) : "";
  escaped += escape_spaces(text);
  const std::string_view all = escaped;
  MergeList merges;
  size_t begin = 0;
  for (size_t at = 0; at < all.size(); at += length_by_lead(all[at])) {
    if (at == begin || joins_[static_cast<unsigned char>(all[at - 1])] || !all.substr(at).starts_with(kEscapedSpace))
      continue;
    encode_part(all.substr(begin, at - begin), merges, out);
    begin = at;
  }
  encode_part(all.substr(begin), merges, out);
}

void SpmEncoder::encode_part(std::string_view text, MergeList& merges, std::vector<TokenId>& out) const {
  merges.symbols.clear();
  for (size_t at = 0; at < text.size();) {
    const size_t size = std::min(length_by_lead(text[at]), text.size() - at);
    merges.symbols.push_back(
        {static_cast<uint32_t>(at), static_cast<uint32_t>(size), vocab_->find(text.substr(at, size))});
    at += size;
  }
  merges.merge_all([&](const Symbol& left, const Symbol& right, Merge& merge) {
    merge.id = vocab_->find(text.substr(left.begin, left.size + right.size));
    if (merge.id >= 0) merge.rank = ranks_[merge.id];
    return merge.id >= 0;
  });
  for (const Symbol& symbol : merges.symbols) {
    if (symbol.size == 0) continue;
    if (symbol.id >= 0) {
      out.push_back(symbol.id);
      continue;
    }
    for (char c : text.substr(symbol.begin, symbol.size)) {
      const TokenId token = byte_tokens_[static_cast<unsigned char>(c)];
      if (token >= 0) out.push_back(token);
    }
  }
}

}  // namespace exogpu::model::tokenizer
