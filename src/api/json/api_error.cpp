#include "api/json/api_error.h"

#include <nlohmann/json.hpp>

namespace exogpu::api {

namespace {

struct Meaning {
  unsigned status;
  const char* type;
  const char* code;
};

Meaning meaning(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return {400, "invalid_request_error", "invalid_value"};
    case ErrorCode::not_found: return {404, "invalid_request_error", "model_not_found"};
    case ErrorCode::already_exists: return {409, "invalid_request_error", "already_exists"};
    case ErrorCode::unsupported: return {400, "invalid_request_error", "unsupported"};
    case ErrorCode::resource_exhausted: return {400, "invalid_request_error", "context_length_exceeded"};
    case ErrorCode::permission_denied: return {403, "invalid_request_error", "permission_denied"};
    case ErrorCode::unauthenticated: return {401, "invalid_request_error", "invalid_api_key"};
    case ErrorCode::out_of_memory: return {503, "server_error", "out_of_memory"};
    case ErrorCode::unavailable: return {503, "server_error", "unavailable"};
    case ErrorCode::cancelled: return {503, "server_error", "cancelled"};
    case ErrorCode::deadline_exceeded: return {504, "server_error", "deadline_exceeded"};
    case ErrorCode::failed_precondition: return {500, "server_error", "failed_precondition"};
    case ErrorCode::corrupt: return {500, "server_error", "corrupt"};
    case ErrorCode::io_error: return {500, "server_error", "io_error"};
    case ErrorCode::internal: break;
  }
  return {500, "server_error", "internal"};
}

nlohmann::ordered_json text_or_null(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  return *text;
}

}  // namespace

ApiError to_api_error(const Error& error, const std::optional<wire::QueuePlace>& queue) {
  const Meaning m = meaning(error.code);
  ApiError out{.status = m.status, .message = error.message, .type = m.type, .code = m.code};
  if (error.code == ErrorCode::not_found) out.param = "model";
  if (!queue) return out;
  out.queue = queue;
  out.status = queue->own > 0 ? 429 : 503;
  out.type = queue->own > 0 ? "rate_limit_error" : "server_error";
  out.code = queue->own > 0 ? "rate_limit_exceeded" : "queue_full";
  return out;
}

std::optional<uint64_t> retry_after_s(const ApiError& error) {
  if (error.status != 429 && error.status != 503) return std::nullopt;
  if (error.retry_after_s) return error.retry_after_s;
  const auto wait = error.queue ? error.queue->wait : std::nullopt;
  if (!wait) return 1;
  return std::max<uint64_t>(1, static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(*wait).count()));
}

std::string to_json(const ApiError& error) {
  nlohmann::ordered_json body = {{"error",
                                  {{"message", error.message},
                                   {"type", error.type},
                                   {"param", text_or_null(error.param)},
                                   {"code", text_or_null(error.code)}}}};
  if (error.queue) {
    auto& queue = body["error"]["queue"] = {{"position", error.queue->position}, {"own_requests", error.queue->own}};
    queue["estimated_wait_s"] = nullptr;
    if (error.queue->wait) queue["estimated_wait_s"] = std::chrono::duration<double>(*error.queue->wait).count();
  }
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace exogpu::api
