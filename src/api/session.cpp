#include "api/session.h"

#include <algorithm>
#include <format>

namespace exogpu::api {
namespace {

constexpr std::string_view kCookie = "exogpu_key=";

bool of_own_page(const SessionRequest& request) {
  if (!request.fetch_site.empty() && request.fetch_site != "same-origin") return false;
  if (request.origin.empty()) return request.method == "GET" || request.method == "HEAD";
  const size_t scheme = request.origin.find("://");
  return scheme != std::string_view::npos && request.origin.substr(scheme + 3) == request.host;
}

// What a cookie may hold, and a key is made of.
bool is_plain(std::string_view key) {
  return std::ranges::all_of(
      key, [](unsigned char c) { return c > 0x20 && c < 0x7F && c != '"' && c != ',' && c != ';' && c != '\\'; });
}

}  // namespace

std::string_view session_key(const SessionRequest& request) {
  if (!of_own_page(request)) return {};
  std::string_view rest = request.cookies;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(';'), rest.size());
    std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
    if (pair.starts_with(kCookie)) return pair.substr(kCookie.size());
  }
  return {};
}

std::string session_cookie(std::string_view key) {
  return std::format("{}{}; Path=/; HttpOnly; SameSite=Strict{}", kCookie, is_plain(key) ? key : std::string_view(),
                     key.empty() ? "; Max-Age=0" : "");
}

}  // namespace exogpu::api
