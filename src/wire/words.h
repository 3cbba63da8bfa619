// The values of an enumeration that people write, with the word of each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::wire {

template <typename Enum>
struct Word {
  Enum value;
  std::string_view text;
};

template <typename Enum, size_t n>
struct Words {
  std::string_view kind;  // as an error says what a word is not: "an objective"
  // In the order in which options and errors name them.
  std::array<Word<Enum>, n> entries;

  constexpr auto begin() const { return entries.begin(); }
  constexpr auto end() const { return entries.end(); }

  // "?" for a value that has none.
  constexpr std::string_view text_of(Enum value) const {
    for (const Word<Enum>& entry : entries) {
      if (entry.value == value) return entry.text;
    }
    return "?";
  }
  // Errors: invalid_argument, naming the words that there are.
  Result<Enum> parse(std::string_view text) const {
    std::string all;
    for (size_t i = 0; i < n; ++i) {
      if (entries[i].text == text) return entries[i].value;
      if (i > 0) all += i + 1 == n ? " or " : ", ";
      all += entries[i].text;
    }
    return fail(ErrorCode::invalid_argument, "\"{}\" is not {}; choose {}", text, kind, all);
  }
  // The value with this number on the wire. Errors: corrupt.
  Result<Enum> at_number(uint32_t number, std::string_view of) const {
    for (const Word<Enum>& entry : entries) {
      if (static_cast<uint32_t>(entry.value) == number) return entry.value;
    }
    return fail(ErrorCode::corrupt, "{} with {} that is not known here ({})", of, kind, number);
  }
};

template <typename Enum, size_t n>
consteval Words<Enum, n> words(std::string_view kind, const Word<Enum> (&entries)[n]) {
  return {kind, std::to_array(entries)};
}

}  // namespace exogpu::wire
