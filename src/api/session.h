// Signing in to the page: a key of the API in a cookie that no script can read.
//
// A browser sends cookies by itself, also when a page of another port of this host makes the request. So the cookie
// counts for requests of the page's own origin only. No I/O.
#pragma once

#include <string>
#include <string_view>

namespace exogpu::api {

// What a browser says of a request.
struct SessionRequest {
  std::string_view method = {};
  std::string_view host = {};
  std::string_view origin = {};
  std::string_view fetch_site = {};  // Sec-Fetch-Site; browsers send it over HTTPS and to this machine only
  std::string_view cookies = {};
};

// The key in the cookie, where it counts; else empty.
std::string_view session_key(const SessionRequest& request);

// Set-Cookie: until the browser is closed; an empty key ends it.
std::string session_cookie(std::string_view key);

}  // namespace exogpu::api
