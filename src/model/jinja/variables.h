// From the JSON of a request to the JSON that the template engine decodes. JSON.parse would reorder keys that look like
// numbers, take 1.0 for 1 and round large integers, so these travel as tagged arrays; close.js lists the tags.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::model::jinja {

// Nesting that a text may have.
inline constexpr size_t json_depth_max = 100;

// An array of objects that each have a "role". A tool call's arguments, which OpenAI's messages carry as JSON text, are
// encoded as both that text and the object in it.
// Errors, here and below: invalid_argument.
Result<std::string> encode_messages(std::string_view json);

// An array of anything; `what` names it in an error.
Result<std::string> encode_array(std::string_view what, std::string_view json);

// An object of variables, as what goes behind others in an encoded object: `,"name",value…`, or nothing.
Result<std::string> encode_members(std::string_view what, std::string_view json);

std::string encode_string(std::string_view text);  // bytes that are not UTF-8 become U+FFFD

}  // namespace exogpu::model::jinja
