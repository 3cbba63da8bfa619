// The JSON of a request's body, from a stranger: refused before it is built when it is nested too deep or too large.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "api/json/api_error.h"

namespace exogpu::api {

struct JsonLimits {
  uint32_t depth_max = 64;
  uint32_t values_max = 1 << 20;
  uint64_t key_comparisons_max = 1 << 26;  // an object in insertion order compares each new key with all its keys
};

// An object with its keys in the order of the text, which templates show; or why not: the position of the error is in
// the message. Memory: about 40 bytes for each value and the text.
Parsed<nlohmann::ordered_json> parse_object(std::string_view text, const JsonLimits& limits);

// Typed access to an object's fields. A field that is null counts as absent, as with OpenAI; one of the wrong type or
// out of its range is an error that names it. Borrows the object.
class Fields {
 public:
  // `path` precedes the names in messages: "messages[2].".
  explicit Fields(const nlohmann::ordered_json& object, std::string path = {})
      : object_(&object), path_(std::move(path)) {}

  const nlohmann::ordered_json* find(const char* name) const;  // nullptr: absent
  std::string name(std::string_view field) const { return path_ + std::string(field); }

  Parsed<std::optional<bool>> boolean(const char* name) const;
  Parsed<std::optional<double>> number(const char* name, double min, double max) const;
  // A number without a fraction; 16.0 is one too.
  Parsed<std::optional<int64_t>> integer(const char* name, int64_t min, int64_t max) const;
  Parsed<std::optional<std::string>> text(const char* name) const;

 private:
  const nlohmann::ordered_json* object_;
  std::string path_;
};

// The text of a value on one line; what is no UTF-8 becomes U+FFFD.
std::string dump(const nlohmann::ordered_json& value);

// What PHP and others write for an empty object.
inline bool is_empty_array(const nlohmann::ordered_json& value) { return value.is_array() && value.empty(); }

// "a string", "an array", ... for messages.
std::string_view kind(const nlohmann::ordered_json& value);

}  // namespace exogpu::api
