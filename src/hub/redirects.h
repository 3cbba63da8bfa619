// GET requests that follow redirects, within limits.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hub/http_client.h"

namespace exogpu::hub {

struct Fetch {
  Url url;
  std::string token;  // sent only to the origin of `url`; empty: none
  std::vector<std::pair<std::string, std::string>> headers;
};

struct Followed {
  HttpReply reply;  // the last one: not a redirect
  // From the headers of the hub's redirect; empty when missing.
  std::string linked_sha256;
  std::string linked_size;
};

// Errors: those of HttpClient::get(), and permission_denied from https to http, corrupt for more than 10 redirects or a
// Location without a valid address.
Result<Followed> follow(HttpClient& client, const Fetch& fetch);

}  // namespace exogpu::hub
