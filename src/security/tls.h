// TLS 1.3 as this program uses it: both ends have a certificate of the cluster, or one of them is about to join it.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "security/identity.h"
#include "security/openssl.h"
#include "wire/node_id.h"

namespace exogpu::security {

enum class TlsSide { client, server };

// The purpose of a connection, which the client states in the handshake (ALPN): a link of two nodes, joining the
// cluster, or the exchange of two members of a group, between nodes of one cluster like a link.
enum class TlsPurpose { link, join, member };

// Makes the connections of one identity. Immutable; any thread may use it. Connections may outlive their context.
class TlsContext {
 public:
  // As a server it accepts all purposes: a client must have a certificate of the same cluster, unless it joins. As a
  // client it connects for a link, or as the member of a group.
  static Result<TlsContext> for_node(const Identity& identity);

  // A client that joins: it has no certificate and accepts any server of this cluster.
  static Result<TlsContext> for_joining(wire::ClusterId cluster);

  // A client that pairs: it does not know the other end yet and accepts any server.
  static Result<TlsContext> for_pairing();

  Result<Openssl<SSL>> connection(TlsSide side) const;
  // Of a client that is the member of a group; a context for_node().
  Result<Openssl<SSL>> member_connection() const;

 private:
  struct State;
  explicit TlsContext(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// For a connection whose handshake is done.
TlsPurpose purpose_of(const SSL* connection);
// The node at the other end, whose certificate is verified. Errors: unauthenticated, if it has none.
Result<wire::NodeId> peer_of(const SSL* connection);

// Why the last call on this connection failed, for messages; clears OpenSSL's error queue. unauthenticated for all
// problems of certificates on either side; unsupported if there is no common version; otherwise corrupt.
Error tls_error(const SSL* connection);

}  // namespace exogpu::security
