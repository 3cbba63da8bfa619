#include "engine/constraint/closing_tokens.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <limits>
#include <optional>

namespace exogpu::engine {
namespace {

constexpr size_t kWordBits = 32;

bool has_bit(std::span<const uint32_t> mask, uint32_t token) {
  return token / kWordBits < mask.size() && (mask[token / kWordBits] >> (token % kWordBits) & 1U) != 0;
}

std::optional<model::TokenId> first_allowed(const std::vector<uint32_t>& tokens, std::span<const uint32_t> allowed) {
  const auto found = std::ranges::find_if(tokens, [&](uint32_t token) { return has_bit(allowed, token); });
  if (found == tokens.end()) return std::nullopt;
  return static_cast<model::TokenId>(*found);
}

bool consists_of(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

}  // namespace

ClosingTokens::ClosingTokens(std::string_view texts, std::span<const uint32_t> sizes, std::span<const uint32_t> ends)
    : ends_(ends.begin(), ends.end()), progress_(sizes.size()) {
  size_t begin = 0;
  for (uint32_t token = 0; token < sizes.size(); ++token) {
    const std::string_view text = texts.substr(begin, sizes[token]);
    begin += sizes[token];
    if (text.empty()) continue;
    if (consists_of(text, "}]")) brackets_.push_back(token);
    if (text == "\"" || (text.front() == '"' && consists_of(text.substr(1), "}]"))) quotes_.push_back(token);
    if (text == "0") zeros_.push_back(token);
    if (consists_of(text, "123456789") && text.size() == 1) digits_.push_back(token);
    if (text == ",") commas_.push_back(token);
    if (text == "@" || text == ":") turns_.push_back(token);
    if (text == "Z") zulus_.push_back(token);
    if (text == "q" || text == "Q") letters_.push_back(token);
    const bool space = std::isspace(static_cast<unsigned char>(text.front())) != 0;
    const size_t size = std::min<size_t>(text.size() + 1, std::numeric_limits<uint16_t>::max());
    progress_[token] = space ? uint16_t{1} : static_cast<uint16_t>(size);
  }
  for (const uint32_t token : ends) progress_[token] = 0;
  for (auto* tokens : {&brackets_, &quotes_}) {
    std::ranges::stable_sort(*tokens, std::ranges::greater(), [&](uint32_t token) { return sizes[token]; });
  }
}

model::TokenId ClosingTokens::longest(std::span<const uint32_t> allowed) const {
  size_t best = 0;
  uint16_t most = 0;
  for (size_t word = 0; word < allowed.size(); ++word) {
    for (uint32_t bits = allowed[word]; bits != 0; bits &= bits - 1) {
      const size_t token = word * kWordBits + static_cast<size_t>(std::countr_zero(bits));
      if (token >= progress_.size() || progress_[token] <= most) continue;
      most = progress_[token];
      best = token;
    }
  }
  return static_cast<model::TokenId>(best);
}

model::TokenId ClosingTokens::choose(std::span<const uint32_t> allowed, std::optional<model::TokenId> before) const {
  const bool in_string = first_allowed(brackets_, allowed) && first_allowed(letters_, allowed);
  if (!in_string) {
    if (const auto token = first_allowed(brackets_, allowed)) return *token;
  }
  if (const auto token = first_allowed(quotes_, allowed)) return *token;
  if (const auto token = first_allowed(turns_, allowed); token && token != before) return *token;
  if (!first_allowed(letters_, allowed)) {
    if (const auto token = first_allowed(commas_, allowed)) return *token;
    if (const auto token = first_allowed(zulus_, allowed); token && token != before) return *token;
  }
  // 0101-01-01 is a date everywhere; 0000-01-01 is not.
  const bool behind_zero = before && std::ranges::contains(zeros_, static_cast<uint32_t>(*before));
  const auto zero = first_allowed(zeros_, allowed), digit = first_allowed(digits_, allowed);
  if (const auto token = behind_zero ? digit : zero) return *token;
  if (const auto token = behind_zero ? zero : digit) return *token;
  return longest(allowed);
}

}  // namespace exogpu::engine
