// What each path does. No I/O: a request goes in, a reply or a call for text comes out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/call.h"
#include "api/server_options.h"

namespace exogpu::api {

// Of an HTTP request, what the routes look at. Absent header fields are empty.
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
  std::vector<std::pair<std::string, std::string>> fields = {};  // beyond the content's type and length
};

Reply error_reply(const ApiError& error);

using Action = std::variant<Reply, Call>;

// A Call has its model's name filled in. `seed` is for a call that brings none.
Action route(const RequestView& request, const ServerOptions& options, node::Service& service, uint64_t seed);

// Whether this request may come from the page it says it comes from. Without an Origin it is no page's.
//
// A browser sends what any page asks it to, to this machine too; the page just cannot read the reply. So a request of a
// page that may not use the API is refused before it costs anything. Pages of this machine may, those of
// options.origins, and those that this server's own host serves, when that is named by an address or within the local
// network: a public name could be pointed here by a stranger.
bool origin_allowed(std::string_view origin, std::string_view host, const ServerOptions& options);

// The fields that let the page read the reply.
std::vector<std::pair<std::string, std::string>> origin_fields(const RequestView& request);

}  // namespace exogpu::api
