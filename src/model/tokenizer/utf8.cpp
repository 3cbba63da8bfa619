#include "model/tokenizer/utf8.h"

#include <algorithm>
#include <cstring>

#include "base/utf8.h"

namespace exogpu::model::tokenizer {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;
constexpr uint32_t kPrivateUse = 0xE000;  // has as many bytes as a surrogate

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

size_t ascii_run(std::string_view text) {
  size_t n = 0;
  for (; n + 8 <= text.size(); n += 8) {
    uint64_t eight;
    std::memcpy(&eight, text.data() + n, 8);
    if ((eight & 0x8080808080808080) != 0) break;
  }
  while (n < text.size() && static_cast<unsigned char>(text[n]) < 0x80) ++n;
  return n;
}

// The length of the valid prefix.
size_t valid_run(std::string_view text) {
  size_t at = 0;
  while (true) {
    at += ascii_run(text.substr(at));
    if (at == text.size()) return at;
    const size_t size = utf8_length(text.substr(at));
    if (size == 0) return at;
    at += size;
  }
}

// At a position where no valid character begins: the length of the invalid one, or 0 if only its end is missing.
size_t broken_size(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0xC2 || lead > 0xF4) return 1;
  const size_t size = length_by_lead(text[0]);
  if (text.size() > 1) {
    const auto second = static_cast<unsigned char>(text[1]);
    const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (second < low || second > high) return 1;
  }
  size_t n = 1;
  while (n < size && n < text.size() && continues(text[n])) ++n;
  return n == text.size() ? 0 : n;
}

}  // namespace

void append_utf8(std::string& out, uint32_t code) {
  const auto tail = [](uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3F)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += tail(code);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += tail(code >> 6);
    out += tail(code);
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += tail(code >> 12);
    out += tail(code >> 6);
    out += tail(code);
  }
}

size_t append_whole(std::string& out, std::string_view bytes, bool last) {
  while (!bytes.empty()) {
    const size_t valid = valid_run(bytes);
    out += bytes.substr(0, valid);
    bytes.remove_prefix(valid);
    if (bytes.empty()) break;
    const size_t broken = broken_size(bytes);
    if (broken == 0 && !last) return bytes.size();
    append_utf8(out, kReplacement);
    bytes.remove_prefix(broken == 0 ? bytes.size() : broken);
  }
  return 0;
}

size_t character_length(std::string_view text) {
  const size_t size = utf8_length(text);
  const bool surrogate = size == 0 && text.size() >= 3 && text[0] == '\xED' && continues(text[1]) && continues(text[2]);
  return surrogate ? 3 : size;
}

Scrubbed::Scrubbed(std::string_view text) : match_(text), bytes_(text) {
  size_t valid = valid_run(text);
  if (valid == text.size()) return;
  while (true) {
    own_match_ += text.substr(0, valid);
    own_bytes_ += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    const size_t surrogate = character_length(text);
    append_utf8(own_match_, surrogate == 0 ? kReplacement : kPrivateUse);
    if (surrogate == 0) {
      append_utf8(own_bytes_, kReplacement);
    } else {
      own_bytes_ += text.substr(0, surrogate);
    }
    text.remove_prefix(std::max<size_t>(surrogate, 1));
    valid = valid_run(text);
  }
  match_ = own_match_;
  bytes_ = own_bytes_;
}

}  // namespace exogpu::model::tokenizer
