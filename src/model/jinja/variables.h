// Converts the JSON of a request to the JSON that the template engine decodes. JSON.parse would reorder numeric keys,
// turn 1.0 into 1 and round large integers, so these are encoded as tagged arrays; close.js lists the tags.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::model::jinja {

// The maximal nesting of a text.
inline constexpr size_t json_depth_max = 100;

// Changes a text of a message or a tool before a template sees it. Empty: texts stay as they are.
using Protect = std::function<std::string(std::string_view text, bool by_assistant)>;

// An array of objects, each with a "role". A tool call's arguments, which OpenAI sends as JSON text, are encoded both
// as that text and as the object in it.
// Errors, here and below: invalid_argument.
Result<std::string> encode_messages(std::string_view json, const Protect& protect = {});

// Any array; `what` names it in messages.
Result<std::string> encode_array(std::string_view what, std::string_view json, const Protect& protect = {});

// An object of variables as further members of an encoded object: `,"name",value…`, or empty.
Result<std::string> encode_members(std::string_view what, std::string_view json);

std::string encode_string(std::string_view text);  // invalid UTF-8 becomes U+FFFD

}  // namespace exogpu::model::jinja
