// TLS 1.3 as this project uses it: both ends show a certificate of the cluster, or one of them is about to join it.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "security/identity.h"
#include "security/openssl.h"
#include "wire/node_id.h"

namespace exogpu::security {

enum class TlsSide { client, server };

// What a connection is for. The client says it in the handshake (ALPN).
enum class TlsPurpose { link, join };

// Makes the connections of one identity. Immutable; any thread may use it. The connections it made may outlive it.
class TlsContext {
 public:
  // A server made by this takes clients of both purposes: one that wants a link must show a certificate of the same
  // cluster; one that wants to join need not. A client made by this wants a link.
  static Result<TlsContext> for_node(const Identity& identity);

  // A client that wants to join: it shows no certificate, and takes any server of this cluster.
  static Result<TlsContext> for_joining(wire::ClusterId cluster);

  // A client that wants to be paired, and cannot know yet with whom: it takes any server.
  static Result<TlsContext> for_pairing();

  Result<Openssl<SSL>> connection(TlsSide side) const;

 private:
  struct State;
  explicit TlsContext(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// Of a connection whose handshake is done.
TlsPurpose purpose_of(const SSL* connection);
// The node at the other end, whose certificate was verified. Errors: unauthenticated when it showed none.
Result<wire::NodeId> peer_of(const SSL* connection);

// Why the last call on this connection failed, for people; empties OpenSSL's list of errors. unauthenticated for
// everything that has to do with certificates, on either side; unsupported for no common version; otherwise corrupt.
Error tls_error(const SSL* connection);

}  // namespace exogpu::security
