#include <algorithm>

#include "api/routes.h"

namespace exogpu::api {

namespace {

// Takes as long for a key that is nearly right as for any other.
bool equal_secrets(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(secret[i % secret.size()]);
  }
  return difference == 0;
}

}  // namespace

bool authorized(const RequestView& request, const ServerOptions& options) {
  const std::string& key = options.api_key;
  if (key.empty() || equal_secrets(request.api_key, key)) return true;
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view authorization = request.authorization;
  if (authorization.size() <= kScheme.size()) return false;
  const std::string_view scheme = authorization.substr(0, kScheme.size());
  return std::ranges::equal(scheme, kScheme, [](char a, char b) { return (a | 0x20) == (b | 0x20); }) &&
         equal_secrets(authorization.substr(kScheme.size()), key);
}

}  // namespace exogpu::api
