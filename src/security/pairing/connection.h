// The TLS connection to which a pairing is bound.
#pragma once

#include <array>
#include <cstddef>

#include "base/result.h"
#include "security/openssl.h"
#include "security/tls.h"
#include "wire/node_id.h"

namespace exogpu::security {

// The same for both ends.
struct PairingConnection {
  wire::NodeId member{};                // the key of the member's certificate
  std::array<std::byte, 32> session{};  // derived from the connection's keys: unique
  friend bool operator==(const PairingConnection&, const PairingConnection&) = default;
};

// For a connection whose handshake is done.
// Errors: unauthenticated, if the server's key is not on P-256.
Result<PairingConnection> pairing_connection(SSL* connection, TlsSide side);

}  // namespace exogpu::security
