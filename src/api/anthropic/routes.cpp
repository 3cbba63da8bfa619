#include "api/anthropic/routes.h"

#include "api/anthropic/messages_call.h"

namespace exogpu::api::anthropic {

namespace {

const char* error_type(unsigned status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 503: return "overloaded_error";
    case 504: return "timeout_error";
    default: return status < 500 ? "invalid_request_error" : "api_error";
  }
}

constexpr Route kRoutes[] = {
    {.path = "/v1/messages", .method = "POST", .handle = messages, .scope = wire::Scope::chat},
    {.path = "/v1/messages/count_tokens", .method = "POST", .handle = count_tokens, .scope = wire::Scope::chat},
};

}  // namespace

std::string error_body(const ApiError& error) {
  return dump({{"type", "error"}, {"error", {{"type", error_type(error.status)}, {"message", error.message}}}});
}

Surface surface() { return {.error = error_body, .routes = kRoutes, .prefix = "/v1/messages"}; }

}  // namespace exogpu::api::anthropic
