// Compressed bodies of requests.
#pragma once

#include <string>
#include <string_view>

#include "api/json/api_error.h"
#include "base/units.h"

namespace exogpu::api {

// The body without its coding, in `storage` where it has one: "gzip", "deflate" (also without zlib's frame), "identity"
// or none. Errors: 415 for another one, named; 400 for bytes that are not of that coding; 413 for more than
// `bytes_max`.
Parsed<std::string_view> decoded_body(std::string_view body, std::string_view coding, Bytes bytes_max,
                                      std::string& storage);

}  // namespace exogpu::api
