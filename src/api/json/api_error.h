// Errors in OpenAI's format: an HTTP status and {"error": {"message", "type", "param", "code"}}.
#pragma once

#include <cstdint>
#include <expected>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "wire/ring.h"

namespace exogpu::api {

struct ApiError {
  unsigned status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::optional<std::string> param = std::nullopt;       // the invalid field: "messages[2].content"
  std::optional<std::string> code = std::nullopt;        // for programs: "model_not_found"
  std::optional<wire::QueuePlace> queue = std::nullopt;  // of a request that would wait too long
  std::optional<uint64_t> retry_after_s = std::nullopt;  // where that is known otherwise
};

template <typename T>
using Parsed = std::expected<T, ApiError>;

// return bad_field("n", "invalid_value", "must be at least 1");   The message begins with the field's name.
template <typename... Args>
std::unexpected<ApiError> bad_field(std::string_view param, std::string_view code, std::format_string<Args...> text,
                                    Args&&... args) {
  return std::unexpected(
      ApiError{.message = std::format("{}: {}", param, std::format(text, std::forward<Args>(args)...)),
               .param = std::string(param),
               .code = std::string(code)});
}

// Converts an error of the node. With `queue` it is 429 where the client's own requests are too many, else 503.
ApiError to_api_error(const Error& error, const std::optional<wire::QueuePlace>& queue = std::nullopt);

// Seconds after which a client may try again, for Retry-After; empty where trying again is of no use.
std::optional<uint64_t> retry_after_s(const ApiError& error);

std::string to_json(const ApiError& error);

}  // namespace exogpu::api
