// Streams that go on while their client has no connection.
#pragma once

#include <chrono>
#include <optional>

#include "api/json/json_body.h"

namespace exogpu::api {

// The field `linger_s`: how long a stream goes on without its client; see ServerOptions::linger. Errors: it is no
// stream.
Parsed<std::optional<std::chrono::milliseconds>> read_linger(const Fields& fields, bool stream);

}  // namespace exogpu::api
