#include "model/tokenizer/special_split.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace exogpu::model::tokenizer {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A text in which some positions must not lie inside a token.
struct Guarded {
  const char* begin;
  std::span<const size_t> guards;

  // The first place of `token` in `text`, a part of the whole, that no guard is inside of.
  size_t find(std::string_view text, std::string_view token) const {
    size_t found = text.find(token);
    while (found != text.npos && is_cut(static_cast<size_t>(text.data() - begin) + found, token.size())) {
      found = text.find(token, found + 1);
    }
    return found;
  }

 private:
  bool is_cut(size_t at, size_t size) const {
    const auto next = std::ranges::upper_bound(guards, at);
    return next != guards.end() && *next < at + size;
  }
};

// Appends `text` with every `token` in it as a separate fragment.
void take_out(std::vector<Fragment>& out, const Guarded& whole, std::string_view text, TokenId token,
              std::string_view token_text, TokenFlags flags) {
  while (true) {
    const size_t found = whole.find(text, token_text);
    std::string_view left = text.substr(0, found);
    if (found != text.npos && (flags & kStripsLeft) != 0) {
      while (!left.empty() && is_space(left.back())) left.remove_suffix(1);
    }
    if (!left.empty()) out.push_back({-1, left});
    if (found == text.npos) return;
    out.push_back({token, token_text});
    text.remove_prefix(found + token_text.size());
    if ((flags & kStripsRight) != 0) {
      while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    }
  }
}

}  // namespace

SpecialSplitter::SpecialSplitter(const Vocab& vocab) : vocab_(&vocab) {
  std::vector<PrefixTable::Entry> always, special;
  for (TokenId token = 0; vocab.has(token); ++token) {
    const TokenFlags flags = vocab.flags(token);
    if (vocab.text(token).empty() || (flags & (kControl | kUserDefined | kUnknown)) == 0) continue;
    special.push_back({vocab.text(token), token});
    if ((flags & (kControl | kUnknown)) == 0) always.push_back({vocab.text(token), token});
  }
  always_ = PrefixTable(std::move(always));
  special_ = PrefixTable(std::move(special));
}

std::vector<TokenId> SpecialSplitter::occurring(std::string_view text, const PrefixTable& table) const {
  std::vector<TokenId> tokens;
  std::vector<bool> seen(table.size());
  // Once all tokens that begin with a byte are known to occur, that byte needs no further search. Otherwise a text of
  // spaces would cost, per space, as many steps as there are tokens for runs of spaces.
  std::array<uint32_t, 256> unseen;
  for (size_t byte = 0; byte < unseen.size(); ++byte) {
    const auto node = table.enter(static_cast<char>(byte));
    unseen[byte] = node.end - node.begin;
  }
  for (size_t start = 0; start < text.size(); ++start) {
    uint32_t& left = unseen[static_cast<unsigned char>(text[start])];
    if (left == 0) continue;
    PrefixTable::Node node = table.enter(text[start]);
    for (size_t next = start + 1; !node.empty(); ++next) {
      if (const auto* entry = table.at(node); entry != nullptr && !seen[node.begin]) {
        seen[node.begin] = true;
        --left;
        tokens.push_back(entry->value);
      }
      if (next == text.size()) break;
      node = table.follow(node, text[next]);
    }
  }
  std::ranges::sort(tokens, [&](TokenId a, TokenId b) {
    return std::tuple(vocab_->text(b).size(), a) < std::tuple(vocab_->text(a).size(), b);
  });
  return tokens;
}

std::vector<Fragment> SpecialSplitter::split(std::string_view text, bool parse_special,
                                             std::span<const size_t> guards) const {
  const Guarded whole{.begin = text.data(), .guards = guards};
  std::vector<Fragment> fragments;
  if (!text.empty()) fragments.push_back({-1, text});
  const PrefixTable& table = parse_special ? special_ : always_;
  if (table.size() == 0) return fragments;
  for (TokenId token : occurring(text, table)) {
    std::vector<Fragment> next;
    for (const Fragment& fragment : fragments) {
      if (fragment.token >= 0) {
        next.push_back(fragment);
      } else {
        take_out(next, whole, fragment.text, token, vocab_->text(token), vocab_->flags(token));
      }
    }
    fragments = std::move(next);
  }
  return fragments;
}

}  // namespace exogpu::model::tokenizer
