// Finds who answers a request, and checks that it may be answered. No I/O.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/audit_note.h"
#include "api/door.h"
#include "api/server_options.h"
#include "api/surface/exchange.h"
#include "wire/stream.h"

namespace exogpu::api {

// Runs on another thread than the server's; errors have become replies.
using Job = std::move_only_function<Reply()>;
// As Later; errors have become replies.
using LaterReply = std::move_only_function<void(std::move_only_function<void(Reply)>)>;
// The owner of a stream that is to be read is for the connection to say.
using Routed = std::variant<Reply, TextCall, Job, wire::StreamRead, LaterReply, Feed>;

struct RoutedRequest {
  Routed to;
  Principal by{};  // meaningless where it is refused
  AuditNote note{};
};

// A returned TextCall has its model's name. `seed` is for a call without one.
RoutedRequest route(const RequestView& request, const ServerOptions& options, Door& door, node::Service& service,
                    AnswerStore& answers, uint64_t seed);

// "GET /v1/models", ...: all that there is. A path that ends in "/" stands for all that begin so.
std::vector<std::string> known_routes();

// A reply in OpenAI's form, for requests that no surface could be found for.
Reply error_reply(const ApiError& error);
Reply error_reply(const ApiError& error, std::string body);

// Whether a web page of `origin` may use the API. A request without an origin is not from a page.
//
// A browser sends any page's requests, also to this machine; only the reply is hidden from the page. So the request of
// a page that may not use the API is refused before it costs anything. Allowed are pages of this machine, those of
// options.origins, and those of this server's own host if it is named by an address or a local name. A public name is
// not enough, since its owner could point it here.
bool origin_allowed(std::string_view origin, std::string_view host, const ServerOptions& options);

// origin_allowed(), or the origin is the API of a member of the cluster, whose page goes on with another member when
// its own is gone. A member may ask for everything anyway.
bool may_use(std::string_view origin, std::string_view host, const ServerOptions& options,
             const node::Service& service);

// The header fields that let the page read the reply.
std::vector<std::pair<std::string, std::string>> origin_fields(const RequestView& request);

// Whether a request without a key may name this host: an address, a local name, or the host of an allowed origin.
//
// A page of a site whose name its owner lets point to this machine (DNS rebinding) is of the same origin as the API for
// the browser, which then sends no origin with what it reads. Only the host tells such a request from a program's.
bool host_allowed(std::string_view host, const ServerOptions& options);

}  // namespace exogpu::api
