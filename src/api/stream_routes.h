// GET and DELETE /v1/stream/ID?from=N: a stream that a node of the cluster keeps, from byte N on.
//
// ID is the answer's id, as its chunks and the header field X-Stream-Id have it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/json/api_error.h"
#include "api/surface/exchange.h"
#include "wire/stream.h"

namespace exogpu::api {

// The 16 hexadecimal digits that end the ids of an answer: "chatcmpl-0123456789abcdef".
std::string stream_id_text(wire::StreamId id);

// `id`: behind "/v1/stream/". The owner is not known here. Errors: the id is none, the offset is none.
Parsed<wire::StreamRead> read_stream_target(std::string_view id, std::string_view query);

Surface stream_surface();

}  // namespace exogpu::api
