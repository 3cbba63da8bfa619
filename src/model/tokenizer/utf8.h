// UTF-8 that may be broken: the input of a user, and tokens that hold parts of characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace exogpu::model::tokenizer {

// How many bytes a character takes, judged by its first byte alone: 1 to 4. A byte that cannot begin one counts as 1.
inline size_t length_by_lead(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

void append_utf8(std::string& out, uint32_t code);  // code <= 0x10FFFF

// Appends what is whole in `bytes` to `out`, each broken part as U+FFFD, and returns how many bytes are left: the
// beginning of a character that `bytes` ends inside of (0 to 3). With `last`, that too is broken, and nothing is left.
size_t append_whole(std::string& out, std::string_view bytes, bool last);

// The bytes of the character at the start of `text`, or 0. Takes surrogates for characters: UTF-8 forbids them, but
// some writers emit them.
size_t character_length(std::string_view text);

// Text made fit for pattern matching: two views of the same length whose characters stand at the same places. Each byte
// that belongs to no character has become U+FFFD in both. `bytes` is what to encode; `match` is valid UTF-8 and differs
// only where there is a surrogate: it has a private-use character there.
class Scrubbed {
 public:
  explicit Scrubbed(std::string_view text);  // borrows `text` when it is valid
  Scrubbed(const Scrubbed&) = delete;
  Scrubbed& operator=(const Scrubbed&) = delete;

  std::string_view match() const { return match_; }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view match_, bytes_;
  std::string own_match_, own_bytes_;
};

}  // namespace exogpu::model::tokenizer
