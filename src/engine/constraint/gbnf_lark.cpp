#include <algorithm>
#include <format>
#include <utility>

#include "engine/constraint/gbnf.h"

namespace exogpu::engine {
namespace {

using Kind = GbnfExpression::Kind;

void add_character(std::string& out, char32_t c) { out += std::format("\\u{{{:x}}}", static_cast<uint32_t>(c)); }

// As a regular expression between slashes.
std::string class_of(const GbnfExpression& characters) {
  std::string out = "/[";
  for (const auto& [low, high] : characters.ranges) {
    add_character(out, low);
    if (high == low) continue;
    out += '-';
    add_character(out, high);
  }
  return out + "]/";
}

std::string suffix_of(const GbnfExpression& repeat) {
  constexpr uint32_t unlimited = GbnfExpression::kUnlimited;
  if (repeat.max == unlimited) {
    if (repeat.min == 0) return "*";
    return repeat.min == 1 ? "+" : std::format("{{{},}}", repeat.min);
  }
  if (repeat.min == 0 && repeat.max == 1) return "?";
  return std::format("{{{},{}}}", repeat.min, repeat.max);
}

// Rules that are recursive, or use one that is, become rules of Lark; the others become its terminals, which are
// regular expressions. In a rule, the longest runs of what is not recursive become terminals, too.
class GbnfWriter {
 public:
  explicit GbnfWriter(const Gbnf& grammar) : grammar_(grammar), recursive_(grammar.rules.size(), true) {
    // A rule is regular once all that it uses is; those of cycles never are.
    std::vector<std::vector<size_t>> users(grammar.rules.size());
    std::vector<size_t> pending(grammar.rules.size());
    std::vector<size_t> regular;
    for (size_t i = 0; i < grammar.rules.size(); ++i) {
      pending[i] = add_user(grammar.rules[i].expression, i, users);
      if (pending[i] == 0) regular.push_back(i);
    }
    while (!regular.empty()) {
      const size_t next = regular.back();
      regular.pop_back();
      recursive_[next] = false;
      for (const size_t user : users[next]) {
        if (--pending[user] == 0) regular.push_back(user);
      }
    }
  }

  std::string write() {
    for (size_t i = 0; i < grammar_.rules.size(); ++i) {
      const GbnfExpression& expression = grammar_.rules[i].expression;
      rules_ += recursive_[i] ? std::format("r{}: {}\n", i, rule(expression))
                              : std::format("R{}: {}\n", i, terminal(expression));
    }
    return std::format("start: {}{}\n{}", recursive_[grammar_.root] ? "r" : "R", grammar_.root, rules_);
  }

 private:
  // Enters rule `user` with each rule that the expression uses, as often as it does; returns how often.
  static size_t add_user(const GbnfExpression& expression, size_t user, std::vector<std::vector<size_t>>& users) {
    if (expression.kind == Kind::rule) {
      users[expression.rule].push_back(user);
      return 1;
    }
    size_t count = 0;
    for (const GbnfExpression& part : expression.parts) count += add_user(part, user, users);
    return count;
  }

  bool is_regular(const GbnfExpression& expression) const {
    if (expression.kind == Kind::rule) return !recursive_[expression.rule];
    return std::ranges::all_of(expression.parts, [&](const GbnfExpression& part) { return is_regular(part); });
  }

  // `write` of each part, between parentheses.
  template <typename Write>
  static std::string joined(const GbnfExpression& expression, std::string_view between, Write write) {
    std::string out;
    for (const GbnfExpression& part : expression.parts) out += (out.empty() ? "" : std::string(between)) + write(part);
    return "(" + (out.empty() ? "\"\"" : out) + ")";
  }

  std::string terminal(const GbnfExpression& expression) const {
    const auto write = [&](const GbnfExpression& part) { return terminal(part); };
    switch (expression.kind) {
      case Kind::characters: return class_of(expression);
      case Kind::sequence: return joined(expression, " ", write);
      case Kind::alternatives: return joined(expression, " | ", write);
      case Kind::repeat: return "(" + terminal(expression.parts.front()) + ")" + suffix_of(expression);
      case Kind::rule: return std::format("R{}", expression.rule);
    }
    return {};
  }

  std::string rule(const GbnfExpression& expression) {
    if (is_regular(expression)) return named_terminal(terminal(expression));
    const auto write = [&](const GbnfExpression& part) { return rule(part); };
    switch (expression.kind) {
      case Kind::sequence: return sequence(expression);
      case Kind::alternatives: return joined(expression, " | ", write);
      case Kind::repeat: return "(" + rule(expression.parts.front()) + ")" + suffix_of(expression);
      case Kind::rule: return std::format("r{}", expression.rule);
      case Kind::characters: break;
    }
    return {};
  }

  std::string sequence(const GbnfExpression& expression) {
    std::string out, run;
    const auto flush = [&] {
      if (!run.empty()) out += named_terminal(std::exchange(run, {})) + " ";
    };
    for (const GbnfExpression& part : expression.parts) {
      if (is_regular(part)) {
        run += terminal(part) + " ";
        continue;
      }
      flush();
      out += rule(part) + " ";
    }
    flush();
    return "(" + out + ")";
  }

  std::string named_terminal(const std::string& definition) {
    const std::string name = std::format("T{}", terminals_++);
    rules_ += std::format("{}: {}\n", name, definition);
    return name;
  }

  const Gbnf& grammar_;
  std::vector<bool> recursive_;
  std::string rules_;
  size_t terminals_ = 0;
};

}  // namespace

Result<std::string> lark_of_gbnf(std::string_view text) {
  EXO_TRY(const Gbnf grammar, parse_gbnf(text));
  return GbnfWriter(grammar).write();
}

}  // namespace exogpu::engine
