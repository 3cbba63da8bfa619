// Converts the JSON of a request to the JSON that the template engine decodes. JSON.parse would reorder numeric keys,
// turn 1.0 into 1 and round large integers, so these are encoded as tagged arrays; close.js lists the tags.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::model::jinja {

// The maximal nesting of a text.
inline constexpr size_t json_depth_max = 100;

// An array of objects, each with a "role". A tool call's arguments, which OpenAI sends as JSON text, are encoded both
// as that text and as the object in it.
// Errors, here and below: invalid_argument.
Result<std::string> encode_messages(std::string_view json);

// Any array; `what` names it in messages.
Result<std::string> encode_array(std::string_view what, std::string_view json);

// An object of variables as further members of an encoded object: `,"name",value…`, or empty.
Result<std::string> encode_members(std::string_view what, std::string_view json);

std::string encode_string(std::string_view text);  // invalid UTF-8 becomes U+FFFD

}  // namespace exogpu::model::jinja
