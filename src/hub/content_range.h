// The Content-Range header of a partial reply, "bytes 100-999/1000" (RFC 9110, section 14.4).
#pragma once

#include <optional>
#include <string_view>

#include "base/units.h"

namespace exogpu::hub {

struct ContentRange {
  Bytes first = 0, last = 0;   // both included
  std::optional<Bytes> total;  // of the whole file; absent for "*"
};

// Nothing for another form or contradictory numbers.
std::optional<ContentRange> parse_content_range(std::string_view text);

// Decimal digits and nothing else.
std::optional<Bytes> parse_bytes(std::string_view digits);

}  // namespace exogpu::hub
