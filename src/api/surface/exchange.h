// A request and what becomes of it, for every surface: the form in which a family of clients speaks to the server.
//
// A surface is a table of routes, with the form of its errors. A route's handler reads the request and returns a reply,
// a call for text with a writer of answers, or work for another thread. No I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/generation/answer_store.h"
#include "api/generation/text_call.h"
#include "api/json/api_error.h"
#include "api/json/json_body.h"
#include "api/surface/principal.h"
#include "node/service.h"
#include "wire/access_key.h"
#include "wire/stream.h"

namespace exogpu::api {

// The parts of an HTTP request that are used. Absent header fields are empty.
struct RequestView {
  std::string_view method = {};
  std::string_view target = {};  // a path, an absolute address, or "*"
  std::string_view body = {};
  std::string_view content_encoding = {};
  std::string_view host = {};
  std::string_view authorization = {};
  std::string_view api_key = {};  // x-api-key
  std::string_view origin = {};
  std::string_view requested_headers = {};  // Access-Control-Request-Headers
  std::string_view accept = {};
  std::string_view accept_encoding = {};
  std::string_view if_none_match = {};
  std::string_view address = {};   // of the other end
  bool from_this_machine = false;  // from a program of this machine, and not by way of a proxy
};

struct Reply {
  unsigned status = 200;
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> fields = {};  // in addition to content type and length
  std::string_view type = "application/json";
};

// Takes longer than the server's thread may: runs on another one.
using Work = std::move_only_function<Parsed<Reply>()>;
// Begins what is answered later, by one call from any thread.
using Later = std::move_only_function<void(std::move_only_function<void(Parsed<Reply>)>)>;
// Server-sent events without an end: `next` gives those that are due, possibly none, again and again until the client
// has gone. On the server's thread, soon: it must not block.
struct Feed {
  std::move_only_function<std::string()> next;
  std::chrono::milliseconds every;
};
using Action = std::variant<Reply, TextCall, Work, wire::StreamRead, Later, Feed>;

// Borrows everything; valid while a handler runs. Work copies what it needs; the service outlives it.
struct Exchange {
  std::string_view body;
  std::string_view query;  // behind the path's "?"
  std::string rest;        // of the path, behind that of a route that ends in "/"; decoded
  CallLimits limits;
  node::Service& service;
  AnswerStore& answers;  // outlives the connections
  uint64_t seed;         // random; for requests without one
  const RequestView& request;
  Principal by{};  // who sends it
};

struct Route {
  std::string_view path;    // one that ends in "/" stands for all that begin so, except for "/" alone
  std::string_view method;  // a route for GET also answers HEAD
  Parsed<Action> (*handle)(const Exchange& exchange);
  bool needs_key = true;
  std::optional<wire::Scope> scope = wire::Scope::admin;  // what a key must allow; empty: any key
};

struct Surface {
  std::string (*error)(const ApiError& error);  // the body of a reply with error.status
  std::span<const Route> routes;
  std::string_view prefix = {};  // paths that begin so and have no route are answered in this surface's form, too
};

// For endpoints of other servers that this one does not have, so that their clients get a reason.
ApiError not_supported(std::string_view what, std::string_view remedy);

}  // namespace exogpu::api
