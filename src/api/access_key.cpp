#include "api/client_identity.h"
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

// Compares with all keys, so that the time tells nothing.
bool authorized(const RequestView& request, const ServerOptions& options) {
  const std::string_view presented = presented_key(request.authorization, request.api_key);
  bool any = options.api_keys.empty();
  for (const std::string& key : options.api_keys) any |= !presented.empty() && equal_secrets(presented, key);
  return any;
}

}  // namespace exogpu::api
