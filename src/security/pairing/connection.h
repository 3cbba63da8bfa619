// The TLS connection that a pairing is bound to.
#pragma once

#include <array>
#include <cstddef>

#include "base/result.h"
#include "security/openssl.h"
#include "security/tls.h"
#include "wire/node_id.h"

namespace exogpu::security {

// As one end sees it.
struct PairingConnection {
  wire::NodeId member{};                // the key of the certificate that the member shows
  std::array<std::byte, 32> session{};  // of the keys of this connection: differs for any other
  friend bool operator==(const PairingConnection&, const PairingConnection&) = default;
};

// Of a connection whose handshake is done.
// Errors: unauthenticated when the server's key is of another kind than a
// node's.
Result<PairingConnection> pairing_connection(SSL* connection, TlsSide side);

}  // namespace exogpu::security
