#include "hub/redirects.h"

#include "base/utf8.h"
#include "hub/sha256.h"

namespace exogpu::hub {
namespace {

constexpr int kRedirectsMax = 10;

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

Result<Followed> follow(HttpClient& client, const Fetch& fetch) {
  std::string linked_sha256, linked_size;
  Url url = fetch.url;
  for (int i = 0; i <= kRedirectsMax; ++i) {
    HttpRequest request = {.url = url, .headers = fetch.headers};
    if (!fetch.token.empty() && url.same_origin(fetch.url)) {
      request.headers.emplace_back("Authorization", "Bearer " + fetch.token);
    }
    EXO_TRY(HttpReply reply, client.get(request));
    // Only the hub itself knows what it points to.
    if (url.same_origin(fetch.url)) {
      if (auto hash = as_sha256(reply.header("X-Linked-ETag")); !hash.empty()) linked_sha256 = std::move(hash);
      if (auto size = reply.header("X-Linked-Size"); !size.empty()) linked_size = std::move(size);
    }
    if (!is_redirect(reply.status())) {
      return Followed{
          .reply = std::move(reply), .linked_sha256 = std::move(linked_sha256), .linked_size = std::move(linked_size)};
    }
    auto next = url.resolve(reply.header("Location"));
    if (!next || reply.header("Location").empty()) {
      return fail(ErrorCode::corrupt, "{}: it redirects to no address ({})", url.authority(),
                  printable(reply.header("Location")));
    }
    if (url.secure && !next->secure) {
      return fail(ErrorCode::permission_denied,
                  "{}: it redirects from https to http ({}), which anybody could read or change", url.authority(),
                  next->authority());
    }
    url = *std::move(next);
  }
  return fail(ErrorCode::corrupt, "{}: more than {} redirects, the last to {}", fetch.url.text(), kRedirectsMax,
              url.text());
}

}  // namespace exogpu::hub
