#include "api/client_identity.h"

#include <algorithm>
#include <format>

#include "node/access_keys.h"
#include "node/client_hash.h"

namespace exogpu::api {

std::string_view presented_key(std::string_view authorization, std::string_view api_key) {
  if (!api_key.empty()) return api_key;
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return {};
  const bool bearer = std::ranges::equal(authorization.substr(0, kScheme.size()), kScheme,
                                         [](char a, char b) { return (a | 0x20) == (b | 0x20); });
  return bearer ? authorization.substr(kScheme.size()) : std::string_view();
}

ClientIdentity client_identity(std::string_view key, std::string_view address, const ServerOptions& options) {
  const bool of_cluster = node::AccessKeys::is_key(key);
  const bool by_key = of_cluster || options.api_keys.size() > 1;
  return {.id = node::client_id(std::format("{}\n{}", key, by_key ? "" : address)),
          .owner = node::client_hash(options.api_keys.empty() && !of_cluster ? "" : key)};
}

}  // namespace exogpu::api
