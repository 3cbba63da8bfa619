#include "model/answer/json_progress.h"

#include <cctype>
#include <nlohmann/json.hpp>
#include <string_view>

namespace exogpu::model {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '+' || c == '.'; }

}  // namespace

JsonProgress::State JsonProgress::after_value() {
  if (open_.empty()) return State::complete;
  at_ = At::comma_or_end;
  return State::open;
}

JsonProgress::State JsonProgress::open(char c) {
  if (open_.size() == kDepthMax) return State::invalid;
  open_ += c;
  at_ = c == '{' ? At::key_or_end : At::value_or_end;
  return State::open;
}

JsonProgress::State JsonProgress::close(char c) {
  const char opened = c == '}' ? '{' : c == ']' ? '[' : '\0';
  if (open_.empty() || open_.back() != opened) return State::invalid;
  open_.pop_back();
  return after_value();
}

JsonProgress::State JsonProgress::begin_value(char c) {
  if (c == '{' || c == '[') return open(c);
  if (c == '"') {
    in_key_ = false;
    at_ = At::string;
    return State::open;
  }
  if (open_.empty() || !is_word(c)) return State::invalid;
  word_ = c;
  at_ = At::word;
  return State::open;
}

JsonProgress::State JsonProgress::end_string() {
  if (!in_key_) return after_value();
  at_ = At::colon;
  return State::open;
}

JsonProgress::State JsonProgress::push_string(char c) {
  if (at_ == At::hex) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return State::invalid;
    if (--hex_digits_ == 0) at_ = At::string;
  } else if (at_ == At::escape) {
    if (!std::string_view("\"\\/bfnrtu").contains(c)) return State::invalid;
    hex_digits_ = 4;
    at_ = c == 'u' ? At::hex : At::string;
  } else if (c == '\\') {
    at_ = At::escape;
  } else if (c == '"') {
    return end_string();
  }
  return State::open;
}

JsonProgress::State JsonProgress::push_structure(char c) {
  if (is_blank(c)) return State::open;
  switch (at_) {
    case At::value: return begin_value(c);
    case At::value_or_end: return c == ']' ? close(c) : begin_value(c);
    case At::key_or_end:
      if (c == '}') return close(c);
      [[fallthrough]];
    case At::key:
      if (c != '"') return State::invalid;
      in_key_ = true;
      at_ = At::string;
      return State::open;
    case At::colon: at_ = At::value; return c == ':' ? State::open : State::invalid;
    default: break;
  }
  if (c != ',') return close(c);
  at_ = open_.back() == '{' ? At::key : At::value;
  return State::open;
}

JsonProgress::State JsonProgress::push(char c) {
  if (in_string()) return push_string(c);
  if (at_ == At::word) {
    if (is_word(c)) {
      word_ += c;
      return word_.size() <= kWordBytesMax ? State::open : State::invalid;
    }
    if (!nlohmann::json::accept(word_)) return State::invalid;
    at_ = At::comma_or_end;
  }
  return push_structure(c);
}

}  // namespace exogpu::model
