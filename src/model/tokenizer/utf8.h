// UTF-8 that may be invalid: a user's input, and tokens with parts of characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace exogpu::model::tokenizer {

// The length of a character by its first byte alone: 1 to 4. A byte that cannot begin a character counts as 1.
inline size_t length_by_lead(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

void append_utf8(std::string& out, uint32_t code);  // code <= 0x10FFFF

// Appends `bytes` to `out`, with U+FFFD for each invalid part, and returns the number of bytes not used: the incomplete
// character at the end of `bytes` (0 to 3). With `last`, that is invalid, too, and the result is 0.
size_t append_whole(std::string& out, std::string_view bytes, bool last);

// The length of the character at the start of `text`, or 0. Accepts surrogates: UTF-8 forbids them, but some programs
// write them.
size_t character_length(std::string_view text);

// A text prepared for pattern matching: two views of the same length with characters at the same positions. Both have
// U+FFFD for each byte that belongs to no character. `bytes` is to be encoded. `match` is valid UTF-8: it has a
// private-use character for each surrogate.
class Scrubbed {
 public:
  explicit Scrubbed(std::string_view text);  // refers to `text` if it is valid
  Scrubbed(const Scrubbed&) = delete;
  Scrubbed& operator=(const Scrubbed&) = delete;

  std::string_view match() const { return match_; }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view match_, bytes_;
  std::string own_match_, own_bytes_;
};

}  // namespace exogpu::model::tokenizer
