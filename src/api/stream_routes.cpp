#include "api/stream_routes.h"

#include <charconv>
#include <format>

#include "api/surface/query.h"
#include "base/utf8.h"

namespace exogpu::api {
namespace {

constexpr size_t kIdDigits = 16;

std::optional<uint64_t> number(std::string_view text, int base) {
  uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string stream_id_text(wire::StreamId id) { return std::format("{:016x}", id.value()); }

Parsed<wire::StreamRead> read_stream_target(std::string_view id_text, std::string_view query) {
  const auto digits = id_text.size() < kIdDigits ? id_text : id_text.substr(id_text.size() - kIdDigits);
  const auto id = number(digits, 16);
  if (!id || digits.size() != kIdDigits) {
    return std::unexpected(
        ApiError{.message = std::format("\"{}\" is no stream's id; it is in the answer's chunks, and "
                                        "in the header field X-Stream-Id",
                                        printable(id_text.substr(0, 100))),
                 .param = "id",
                 .code = "invalid_value"});
  }
  wire::StreamRead request{.stream = wire::StreamId(*id), .owner = {}};
  if (const std::string text = query_value(query, "from"); !text.empty()) {
    const auto from = number(text, 10);
    if (!from) return bad_field("from", "invalid_value", "must be the number of bytes that were received");
    request.from = *from;
  }
  return request;
}

namespace {

Parsed<Action> take_up(const Exchange& exchange) {
  EXO_TRY(wire::StreamRead request, read_stream_target(exchange.rest, exchange.query));
  return request;
}

Parsed<Action> stop(const Exchange& exchange) {
  EXO_TRY(wire::StreamRead request, read_stream_target(exchange.rest, exchange.query));
  request.stop = true;
  return request;
}

constexpr Route kStreamRoutes[] = {
    {.path = "/v1/stream/", .method = "GET", .handle = take_up, .scope = wire::Scope::chat},
    {.path = "/v1/stream/", .method = "DELETE", .handle = stop, .scope = wire::Scope::chat},
};

}  // namespace

Surface stream_surface() { return {.error = to_json, .routes = kStreamRoutes}; }

}  // namespace exogpu::api
