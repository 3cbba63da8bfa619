// Structs of exogpu.h, which grow at their ends: each is read and written no further than both sides know it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "base/result.h"
#include "capi/error.h"

namespace exogpu::capi {

// The size that a struct had in the first version of the library. Specialise it once a field is added.
template <typename Struct>
inline constexpr size_t kFirstSize = sizeof(Struct);

template <typename Struct>
Result<size_t> size_of(const Struct* given, std::string_view name) {
  EXO_CHECK(need(given, name));
  if (given->struct_size >= kFirstSize<Struct>) return given->struct_size;
  return fail(ErrorCode::invalid_argument, "{}: struct_size is {}; set it to sizeof({}), which is at least {}", name,
              given->struct_size, name, kFirstSize<Struct>);
}

// What the caller gave, over `defaults`. Errors: invalid_argument (a wrong size), unsupported (a field that this
// library does not know is set).
template <typename Struct>
Result<Struct> read_struct(const Struct* given, Struct defaults, std::string_view name) {
  EXO_TRY(const size_t size, size_of(given, name));
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  const size_t known = std::min(size, sizeof(Struct));
  if (std::any_of(bytes + known, bytes + size, [](unsigned char byte) { return byte != 0; })) {
    return fail(ErrorCode::unsupported, "{}: the caller sets a field of a newer exogpu than this library ({} bytes)",
                name, sizeof(Struct));
  }
  std::memcpy(&defaults, given, known);
  return defaults;
}

// Writes as much of `value` as the caller's struct holds. Errors: invalid_argument (a wrong size).
template <typename Struct>
Result<void> write_struct(Struct* out, Struct value, std::string_view name) {
  EXO_TRY(const size_t size, size_of(out, name));
  value.struct_size = size;
  std::memcpy(out, &value, std::min(size, sizeof(Struct)));
  return {};
}

// A fixed text field: cut where it does not fit, and always ended.
template <size_t Size>
void write_text(char (&field)[Size], std::string_view text) {
  const size_t length = std::min(text.size(), Size - 1);
  std::memcpy(field, text.data(), length);
  std::memset(field + length, 0, Size - length);
}

// A text for the caller, who frees it with exogpu_free(). Errors: out_of_memory.
Result<char*> text_for_caller(std::string_view text);

inline std::string_view or_empty(const char* text) { return text == nullptr ? std::string_view() : text; }

}  // namespace exogpu::capi
