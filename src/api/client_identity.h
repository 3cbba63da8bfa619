// Who sends a request, as far as the server can tell.
#pragma once

#include <string>
#include <string_view>

#include "api/server_options.h"
#include "wire/ids.h"

namespace exogpu::api {

struct ClientIdentity {
  wire::ClientId id;  // for fair queueing
  std::string owner;  // for access to the streams that it has begun: a hash of its key
};

// The credential of "Authorization: Bearer KEY", or `api_key`, which is that of x-api-key; may be empty.
std::string_view presented_key(std::string_view authorization, std::string_view api_key = {});

// Each key of the cluster is a client, wherever it is used, and so is each of several keys of this server. Otherwise
// clients are told apart by what they send as a key and by their address. A key that the server does not ask for gives
// no access to anything.
ClientIdentity client_identity(std::string_view key, std::string_view address, const ServerOptions& options);

}  // namespace exogpu::api
