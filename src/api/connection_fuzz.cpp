// Any bytes on a connection, in pieces of any size: requests without a second meaning, or an error.
//
// The first byte is the size of the pieces. What a connection makes of them is checked as api/connection.cpp reads
// them: with the same parser, and the functions that decide by a request's head.
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <cstdint>
#include <cstdlib>

#include "api/routes.h"
#include "api/server_options.h"
#include "api/surface/query.h"

namespace {

using namespace exogpu;
namespace http = boost::beast::http;
using Parser = http::request_parser<http::string_body>;

void check(bool holds) {
  if (!holds) std::abort();
}

uint64_t number(std::string_view digits) {
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string_view view_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

void check_request(const Parser& parser, const api::ServerOptions& options) {
  const auto& request = parser.get();
  // Smuggling: a length and chunks, or two lengths. The same number twice has one meaning (RFC 9112, 6.3).
  const auto [length, end] = request.equal_range(http::field::content_length);
  check(std::all_of(length, end, [&](const auto& field) {
    return number(view_of(field.value())) == number(view_of(length->value()));
  }));
  check(!parser.chunked() || request.count(http::field::content_length) == 0);
  check(request.body().size() <= options.body_bytes_max);
  const std::string_view host = view_of(request[http::field::host]), origin = view_of(request[http::field::origin]);
  if (!origin.empty() && api::origin_allowed(origin, host, options)) check(origin.contains("://"));
  check(!api::host_allowed("evil.example.com", options));
  (void)api::host_allowed(host, options);
  const api::Target target = api::split_target(view_of(request.target()));
  check(!target.path.empty() && target.path.size() + target.query.size() <= request.target().size() + 1);
  check(api::percent_decoded(target.path).size() <= target.path.size());
  check(api::query_value(target.query, "a").size() <= target.query.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t piece = size_t{data[0]} + 1;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  api::ServerOptions options;
  options.header_bytes_max = 1024;
  options.body_bytes_max = 4096;
  while (!rest.empty()) {
    Parser parser;
    parser.eager(true);
    parser.header_limit(static_cast<uint32_t>(options.header_bytes_max));
    parser.body_limit(options.body_bytes_max);
    std::string waiting;
    while (!parser.is_done()) {
      const std::string_view more = rest.substr(0, piece);
      if (more.empty()) return 0;
      rest.remove_prefix(more.size());
      waiting += more;
      boost::system::error_code failure;
      const size_t used = parser.put(boost::asio::buffer(waiting), failure);
      check(used <= waiting.size());
      waiting.erase(0, used);
      if (failure && failure != http::error::need_more) return 0;
    }
    check_request(parser, options);
    rest = {rest.data() - waiting.size(), rest.size() + waiting.size()};  // the next request's
    if (!parser.get().keep_alive()) return 0;
  }
  return 0;
}
