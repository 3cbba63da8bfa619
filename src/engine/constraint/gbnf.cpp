#include "engine/constraint/gbnf.h"

#include <algorithm>
#include <cctype>
#include <format>
#include <map>

#include "base/utf8.h"

namespace exogpu::engine {
namespace {

using Kind = GbnfExpression::Kind;
using Ranges = std::vector<std::pair<char32_t, char32_t>>;

constexpr uint32_t kDepthMax = 64;
constexpr uint32_t kRepeatMax = 10'000;
constexpr size_t kRulesMax = 2'000;
constexpr char32_t kLastCharacter = 0x10FFFF;
constexpr char32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

GbnfExpression characters(Ranges ranges) { return {.kind = Kind::characters, .ranges = std::move(ranges)}; }

// Ascending, disjoint and not adjacent.
Ranges merged(Ranges ranges) {
  std::ranges::sort(ranges);
  Ranges out;
  for (const auto& [low, high] : ranges) {
    if (!out.empty() && low <= out.back().second + 1) {
      out.back().second = std::max(out.back().second, high);
    } else {
      out.emplace_back(low, high);
    }
  }
  return out;
}

// All other characters.
Ranges complement(const Ranges& ranges) {
  Ranges with_surrogates = ranges;
  with_surrogates.emplace_back(kFirstSurrogate, kLastSurrogate);
  Ranges out;
  char32_t next = 0;
  for (const auto& [low, high] : merged(std::move(with_surrogates))) {
    if (low > next) out.emplace_back(next, low - 1);
    next = high + 1;
  }
  if (next <= kLastCharacter) out.emplace_back(next, kLastCharacter);
  return out;
}

class GbnfParser {
 public:
  explicit GbnfParser(std::string_view text) : text_(text) {}

  Result<Gbnf> parse() {
    skip(true);
    while (at_ < text_.size()) {
      EXO_CHECK(rule());
      skip(true);
    }
    for (size_t i = 0; i < out_.rules.size(); ++i) {
      if (!defined_[i]) return refuse(std::format("the rule \"{}\" is used and not defined", out_.rules[i].name));
    }
    const auto root = names_.find("root");
    if (root == names_.end()) return refuse("there is no rule \"root\"");
    out_.root = root->second;
    return std::move(out_);
  }

 private:
  std::unexpected<Error> refuse(std::string_view why) const {
    const auto line = 1 + std::ranges::count(text_.substr(0, std::min(at_, text_.size())), '\n');
    return fail(ErrorCode::invalid_argument, "the grammar, line {}: {}", line, why);
  }
  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  void skip(bool lines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n')) {
        ++at_;
      } else {
        return;
      }
    }
  }

  Result<size_t> name() {
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || next_is('-') || next_is('_'))) {
      ++at_;
    }
    if (at_ == begin) return refuse(std::format("\"{}\" is not expected here", printable(text_.substr(at_, 1))));
    const auto [found, is_new] = names_.emplace(std::string(text_.substr(begin, at_ - begin)), out_.rules.size());
    if (is_new) {
      if (out_.rules.size() == kRulesMax) return refuse(std::format("more than {} rules", kRulesMax));
      out_.rules.push_back({.name = found->first});
      defined_.push_back(false);
    }
    return found->second;
  }

  Result<void> rule() {
    EXO_TRY(const size_t index, name());
    skip(false);
    if (!take("::=")) return refuse(std::format("\"::=\" is missing behind \"{}\"", out_.rules[index].name));
    if (defined_[index]) return refuse(std::format("the rule \"{}\" is defined twice", out_.rules[index].name));
    defined_[index] = true;
    skip(true);
    EXO_TRY(GbnfExpression expression, alternatives(0));
    out_.rules[index].expression = std::move(expression);
    if (at_ < text_.size() && text_[at_] != '\n') {
      return refuse(std::format("\"{}\" is not expected here", printable(text_.substr(at_, 1))));
    }
    return {};
  }

  Result<GbnfExpression> alternatives(uint32_t depth) {
    if (depth > kDepthMax) return refuse(std::format("more than {} parentheses inside each other", kDepthMax));
    GbnfExpression out{.kind = Kind::alternatives};
    while (true) {
      EXO_TRY(GbnfExpression next, sequence(depth));
      out.parts.push_back(std::move(next));
      if (!bar(depth)) break;
    }
    if (out.parts.size() > 1) return out;
    return GbnfExpression(std::move(out.parts.front()));
  }

  // A bar, which may stand on the next line.
  bool bar(uint32_t depth) {
    const size_t before = at_;
    skip(true);
    if (take("|")) {
      skip(true);
      return true;
    }
    if (depth == 0) at_ = before;
    return false;
  }

  Result<GbnfExpression> sequence(uint32_t depth) {
    GbnfExpression out{.kind = Kind::sequence};
    while (true) {
      skip(depth > 0);
      if (at_ >= text_.size() || next_is('|') || next_is(')') || next_is('\n')) break;
      EXO_TRY(GbnfExpression next, item(depth));
      EXO_TRY(next, repeated(std::move(next)));
      out.parts.push_back(std::move(next));
    }
    if (out.parts.size() == 1) return GbnfExpression(std::move(out.parts.front()));
    return out;
  }

  Result<GbnfExpression> item(uint32_t depth) {
    if (take("\"")) return literal();
    if (take("[")) return character_class();
    if (take(".")) return characters(complement({}));
    if (take("(")) {
      EXO_TRY(GbnfExpression inner, alternatives(depth + 1));
      skip(true);
      if (!take(")")) return refuse("\")\" is missing");
      return inner;
    }
    EXO_TRY(const size_t index, name());
    return GbnfExpression{.kind = Kind::rule, .rule = index};
  }

  Result<GbnfExpression> literal() {
    GbnfExpression out{.kind = Kind::sequence};
    while (!take("\"")) {
      EXO_TRY(const char32_t c, character());
      out.parts.push_back(characters({{c, c}}));
    }
    return out;
  }

  Result<GbnfExpression> character_class() {
    const bool negated = take("^");
    Ranges ranges;
    while (!take("]")) {
      EXO_TRY(const char32_t low, character());
      char32_t high = low;
      if (next_is('-') && !text_.substr(at_).starts_with("-]")) {
        ++at_;
        EXO_TRY(high, character());
      }
      if (high < low) return refuse("a range of characters ends before it begins");
      ranges.emplace_back(low, high);
    }
    ranges = negated ? complement(ranges) : complement(complement(ranges));
    if (ranges.empty()) return refuse("a class without characters");
    return characters(std::move(ranges));
  }

  // One character of a literal or a class, which may be escaped.
  Result<char32_t> character() {
    if (at_ >= text_.size()) return refuse("the text ends inside a literal or a class");
    if (!take("\\")) return plain_character();
    if (at_ >= text_.size()) return refuse("the text ends behind a backslash");
    const char c = text_[at_++];
    switch (c) {
      case 'n': return U'\n';
      case 'r': return U'\r';
      case 't': return U'\t';
      case 'x': return hex(2);
      case 'u': return hex(4);
      case 'U': return hex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^': return static_cast<char32_t>(c);
      default: return refuse(std::format("\"\\{}\" is no escape", printable({&c, 1})));
    }
  }

  Result<char32_t> plain_character() {
    const auto lead = static_cast<unsigned char>(text_[at_]);
    const size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const std::string_view bytes = text_.substr(at_, size);
    if (!is_utf8(bytes)) return refuse("the text is not UTF-8");
    at_ += bytes.size();
    char32_t code = size == 1 ? lead : lead & (0x7FU >> size);
    for (const char c : bytes.substr(1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3FU);
    return code;
  }

  Result<char32_t> hex(size_t digits) {
    char32_t code = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const int c = at_ < text_.size() ? std::tolower(static_cast<unsigned char>(text_[at_])) : 0;
      if (std::isxdigit(c) == 0) return refuse(std::format("an escape needs {} hexadecimal digits", digits));
      code = code << 4 | static_cast<char32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    if (code > kLastCharacter || (code >= kFirstSurrogate && code <= kLastSurrogate)) {
      return refuse("an escape of no character");
    }
    return code;
  }

  // With what follows it: *, +, ?, {m}, {m,}, {m,n}.
  Result<GbnfExpression> repeated(GbnfExpression what) {
    uint32_t min = 0, max = GbnfExpression::kUnlimited;
    if (take("+")) {
      min = 1;
    } else if (take("?")) {
      max = 1;
    } else if (take("{")) {
      EXO_TRY(min, number());
      max = min;
      if (take(",")) {
        max = GbnfExpression::kUnlimited;
        if (!next_is('}')) {
          EXO_TRY(max, number());
        }
      }
      if (!take("}")) return refuse("\"}\" is missing");
      if (max < min) return refuse("a repetition ends before it begins");
    } else if (!take("*")) {
      return what;
    }
    GbnfExpression out{.kind = Kind::repeat, .min = min, .max = max};
    out.parts.push_back(std::move(what));
    return out;
  }

  Result<uint32_t> number() {
    skip(false);
    uint32_t value = 0;
    const size_t begin = at_;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; ++at_) {
      value = value * 10 + static_cast<uint32_t>(text_[at_] - '0');
      if (value > kRepeatMax) return refuse(std::format("more than {} repetitions", kRepeatMax));
    }
    if (at_ == begin) return refuse("a number of repetitions is missing");
    skip(false);
    return value;
  }

  std::string_view text_;
  size_t at_ = 0;
  Gbnf out_;
  std::vector<bool> defined_;
  std::map<std::string, size_t, std::less<>> names_;
};

}  // namespace

Result<Gbnf> parse_gbnf(std::string_view text) { return GbnfParser(text).parse(); }

}  // namespace exogpu::engine
