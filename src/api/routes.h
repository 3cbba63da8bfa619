// The action of each path. No I/O: takes a request, returns a reply or a call for text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/generation/text_call.h"
#include "api/server_options.h"

namespace exogpu::api {

// The parts of an HTTP request that the routes use. Absent header fields are empty.
struct RequestView {
  std::string_view method = {};
  std::string_view target = {};
  std::string_view body = {};
  std::string_view host = {};
  std::string_view authorization = {};
  std::string_view origin = {};
  std::string_view requested_headers = {};  // Access-Control-Request-Headers
};

struct Reply {
  unsigned status = 200;
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> fields = {};  // in addition to content type and length
};

Reply error_reply(const ApiError& error);

using Action = std::variant<Reply, TextCall>;

// A returned TextCall has its model's name. `seed` is for a call without one.
Action route(const RequestView& request, const ServerOptions& options, node::Service& service, uint64_t seed);

// Whether a web page of `origin` may use the API. A request without an origin is not from a page.
//
// A browser sends any page's requests, also to this machine; only the reply is hidden from the page. So the request of
// a page that may not use the API is refused before it costs anything. Allowed are pages of this machine, those of
// options.origins, and those of this server's own host if it is named by an address or a local name. A public name is
// not enough, since its owner could point it here.
bool origin_allowed(std::string_view origin, std::string_view host, const ServerOptions& options);

// The header fields that let the page read the reply.
std::vector<std::pair<std::string, std::string>> origin_fields(const RequestView& request);

}  // namespace exogpu::api
