// Encoding helpers that all messages share. Only for the .cpp files of this folder.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/units.h"
#include "base/utf8.h"
#include "wire/frame.h"
#include "wire/hash_id.h"
#include "wire/messages.h"

namespace exogpu::wire {

template <typename Message>
ByteVector serialize(const Message& message) {
  ByteVector bytes(message.ByteSizeLong());
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

template <typename Message>
Result<Message> parse(std::span<const std::byte> bytes, std::string_view name) {
  Message message;
  if (bytes.size() > kControlBytesMax || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorCode::corrupt, "a broken {} message", name);
  }
  return message;
}

inline std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
template <typename Tag, size_t N>
inline std::string text_of(const HashId<Tag, N>& id) {
  return text_of(std::as_bytes(id.bytes()));
}

inline Result<ByteVector> blob(const std::string& field, Bytes most, std::string_view what) {
  if (field.empty()) return fail(ErrorCode::corrupt, "{} is missing", what);
  if (field.size() > most) {
    return fail(ErrorCode::corrupt, "{} has {} bytes, at most {} are allowed", what, format_count(field.size()),
                format_count(most));
  }
  const auto bytes = bytes_of(field);
  return ByteVector(bytes.begin(), bytes.end());
}

// Checks the size of a repeated field.
inline Result<void> within(int count, size_t most, std::string_view what) {
  if (static_cast<size_t>(count) <= most) return {};
  return fail(ErrorCode::corrupt, "{}: {} entries, at most {} are allowed", what, count, most);
}

// As many whole characters of `text` as fit.
inline std::string cut(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  while (most > 0 && (static_cast<uint8_t>(text[most]) & 0xC0) == 0x80) --most;
  return std::string(text.substr(0, most));
}

inline ErrorCode code_of(std::string_view text) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
    if (to_string(static_cast<ErrorCode>(code)) == text) return static_cast<ErrorCode>(code);
  }
  return ErrorCode::internal;  // a code of a later version
}

inline Result<Error> error_of(const std::string& code, const std::string& message, std::string_view name) {
  if (message.size() > kReasonCharsMax) return fail(ErrorCode::corrupt, "a {} message whose text is too long", name);
  return Error{.code = code_of(code), .message = printable(message)};
}

inline bool same(const std::optional<Error>& a, const std::optional<Error>& b) {
  return a.has_value() == b.has_value() && (!a || (a->code == b->code && a->message == b->message));
}

template <typename Field>
void set_failure(Field* field, const Error& error) {
  field->set_code(std::string(to_string(error.code)));
  field->set_message(cut(error.message, kReasonCharsMax));
}

template <typename Message>
Result<std::optional<Error>> failure_of(const Message& in, std::string_view name) {
  if (!in.has_failure()) return std::optional<Error>();
  EXO_TRY(Error error, error_of(in.failure().code(), in.failure().message(), name));
  return std::optional(std::move(error));
}

}  // namespace exogpu::wire
