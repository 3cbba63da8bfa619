// The API's door: who sends a request, whether that one may do what it asks for, and how often.
//
// Without a key everything is open to programs of this machine, and nothing to others, unless the server is set up so.
// A key of ServerOptions::api_keys may do everything; one of the cluster what its record says.
#pragma once

#include <chrono>
#include <map>
#include <optional>

#include "api/attempts.h"
#include "api/json/api_error.h"
#include "api/server_options.h"
#include "api/surface/exchange.h"
#include "api/surface/principal.h"
#include "node/access_keys.h"
#include "wire/access_key.h"
#include "wire/role.h"

namespace exogpu::api {

// Used by one thread.
class Door {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Both must outlive it.
  Door(const ServerOptions& options, const node::AccessKeys& keys) : options_(&options), keys_(&keys) {}

  // Admits one request for what needs this scope, or any key where there is none. Errors: 401 a key is missing, wrong,
  // revoked or expired; 403 the key may not do this, or the host's name could be a foreign page's; 429 too often,
  // or too many wrong keys from this address. The latter does not concern the keys of the cluster that are right, which
  // cannot be guessed.
  Parsed<Principal> admit(const RequestView& request, const std::optional<wire::Scope>& scope, Time now);

  // The tokens that were read and written for it.
  void count_tokens(const Principal& principal, uint64_t tokens, Time now);

  // Whether a principal that was admitted still would be.
  bool welcome(const Principal& principal) const;

 private:
  // What a key has used; each quantity flows off at the rate that is allowed (a leaky bucket).
  struct Use {
    double requests = 0, tokens = 0;
    Time at{};
  };
  Parsed<Principal> identify(const RequestView& request, Time now);
  std::unexpected<ApiError> wrong_key(const RequestView& request, std::string message, Time now);
  Parsed<void> count_request(const wire::AccessKey& key, Time now);
  Use& use_of(const wire::AccessKey& key, Time now);

  const ServerOptions* options_;
  const node::AccessKeys* keys_;
  std::map<wire::AccessKeyId, Use> uses_;
  Attempts attempts_;
};

// Whether a node of this role offers the route: what a key may do is a matter of its own. Errors: 403.
Parsed<void> check_role(wire::Role role, const Route& route);

// Ends the answers to a key that was revoked or has expired.
Error no_longer_welcome();

}  // namespace exogpu::api
