// TLS 1.3 as this program uses it: both ends have a certificate of the cluster, or one of them is about to join it.
//
// On a link the handshake does not look at the dates of certificates. The end that accepts the peer does, with
// validity_of_peer() and check_validity(), once it knows what the peer's clock says.
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

// Makes the connections of one identity. Any thread may use it. Copies share what renew() changes. Connections may
// outlive their context.
class TlsContext {
 public:
  // As a server it accepts all purposes: a client must have a certificate of the same cluster, unless it joins. As a
  // client it connects for a link, or as the member of a group.
  static Result<TlsContext> for_node(const Identity& identity);

  // A client that joins: it has no certificate and accepts any server of this cluster.
  static Result<TlsContext> for_joining(wire::ClusterId cluster);

  // A client that pairs: it does not know the other end yet and accepts any server.
  static Result<TlsContext> for_pairing();

  // Connections that are made from now on show the certificate of this identity, which has the same key.
  // Precondition: made by for_node().
  Result<void> renew(const Identity& identity);

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
// When all certificates of the peer's verified chain are valid; for a peer of peer_of().
Validity validity_of_peer(const SSL* connection);

// A node's clock, for messages.
struct NodeClock {
  wire::NodeId node;
  std::optional<WallTime> time;  // empty: not known
};
// Whether the certificate of `peer` is valid by the clock of this node. Errors: unauthenticated; the message names both
// nodes with the times of their clocks, so that it is for both.
Result<void> check_validity(const Validity& validity, const NodeClock& peer, const NodeClock& self);
// Like peer_of(), for a connection without a Hello: the certificate must also be valid by this machine's clock.
Result<wire::NodeId> valid_peer_of(const SSL* connection);

// Why the last call on this connection failed, for messages; clears OpenSSL's error queue. unauthenticated for all
// problems of certificates on either side; unsupported if there is no common version; otherwise corrupt.
Error tls_error(const SSL* connection);

}  // namespace exogpu::security
