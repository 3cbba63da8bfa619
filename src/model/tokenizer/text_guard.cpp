#include "model/tokenizer/text_guard.h"

#include <algorithm>

namespace exogpu::model {
namespace {

constexpr std::string_view kGuard = "\uFDD0";  // a noncharacter of Unicode
constexpr std::string_view kReplacement = "\uFFFD";

// Users quote these, and templates look for them.
constexpr std::string_view kReasoning[] = {"<think>", "</think>"};

size_t first_character(std::string_view text) {
  size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return size;
}

// Whether an entry of the table begins `text`, or `text` is the beginning of one.
bool begins_mark(const tokenizer::PrefixTable& table, std::string_view text) {
  auto node = table.enter(text.front());
  for (size_t next = 1; !node.empty(); ++next) {
    if (table.at(node) != nullptr || next == text.size()) return true;
    node = table.follow(node, text[next]);
  }
  return false;
}

}  // namespace

TextGuard::TextGuard(const Tokenizer& tokenizer, std::string_view chat_template) {
  std::vector<bool> control;
  for (uint32_t id = 0; id < tokenizer.size(); ++id) {
    const auto token = static_cast<TokenId>(id);
    const std::string text = tokenizer.is_special(token) ? tokenizer.piece(token, true) : "";
    if (first_character(text) >= text.size()) continue;  // nothing, or one character
    const bool is_control = tokenizer.is_mark(token);
    if (!is_control && (std::ranges::contains(kReasoning, text) || !chat_template.contains(text))) continue;
    texts_.push_back(text);
    control.push_back(is_control);
  }
  std::vector<tokenizer::PrefixTable::Entry> always, all;
  for (size_t i = 0; i < texts_.size(); ++i) {
    all.push_back({texts_[i], 0});
    if (control[i]) always.push_back({texts_[i], 0});
  }
  control_ = tokenizer::PrefixTable(std::move(always));
  all_ = tokenizer::PrefixTable(std::move(all));
}

std::string TextGuard::protect(std::string_view text, bool by_assistant) const {
  const tokenizer::PrefixTable& table = by_assistant ? control_ : all_;
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with(kGuard)) {
      out += kReplacement;
      at += kGuard.size();
      continue;
    }
    const size_t size = first_character(rest);
    out += rest.substr(0, size);
    if (table.size() > 0 && begins_mark(table, rest)) out += kGuard;
    at += size;
  }
  return out;
}

GuardedPrompt TextGuard::take_apart(std::string_view rendered) {
  GuardedPrompt prompt;
  for (size_t begin = 0; begin < rendered.size();) {
    const size_t at = std::min(rendered.find(kGuard, begin), rendered.size());
    prompt.text += rendered.substr(begin, at - begin);
    if (at < rendered.size()) prompt.guards.push_back(prompt.text.size());
    begin = at + kGuard.size();
  }
  return prompt;
}

}  // namespace exogpu::model
