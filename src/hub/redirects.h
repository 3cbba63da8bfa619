// GET that follows redirects, with the limits that a stranger's redirects need.
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
  HttpReply reply;  // the last one, which is no redirect
  // What the hub said on the way about the file that it points to; empty when it said nothing.
  std::string linked_sha256;
  std::string linked_size;
};

// Errors: those of HttpClient::get(), and permission_denied from https to http, corrupt for more than 10 redirects
// or one that leads nowhere.
Result<Followed> follow(HttpClient& client, const Fetch& fetch);

}  // namespace exogpu::hub
