// How a node joins a cluster: both ends of the protocol, without the connection.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "security/authority.h"
#include "security/identity.h"
#include "security/join_token.h"
#include "security/token_store.h"
#include "wire/messages.h"

namespace exogpu::security {

// The end that admits newcomers. Its grant includes the authority's key: any member may admit newcomers, so the cluster
// can grow without the node that founded it.
class JoinResponder {
 public:
  JoinResponder(Authority authority, TokenStore tokens)
      : authority_(std::move(authority)), tokens_(std::move(tokens)) {}

  // Blocks while it writes the token's use to disk. One thread at a time.
  // The grant must be sent only on the connection of the request. On it the newcomer has verified the cluster (by the
  // hash in its token) and shown the token's secret, so there is no man in the middle. Errors, which the newcomer gets
  // to read: unsupported (no common protocol), unauthenticated (the token), corrupt (the request). A request refused
  // for another reason than its token does not use up the token.
  Result<wire::JoinGrant> admit(const wire::JoinRequest& request, WallTime now) const;

  // For a newcomer that is authenticated otherwise, together with its connection. Errors: corrupt, unsupported.
  Result<wire::JoinGrant> grant(std::span<const std::byte> certificate_request, WallTime now) const;

  wire::ClusterId cluster() const { return authority_.cluster(); }

 private:
  Authority authority_;
  TokenStore tokens_;
};

// The newcomer's end.
class JoinRequester {
 public:
  // Makes a new key, which leaves this object only in the identity.
  static Result<JoinRequester> make(const JoinToken& token);
  // For pairing, without a token.
  static Result<JoinRequester> make(wire::ClusterId cluster);

  // To be sent only over a connection that has proved to belong to the token's cluster.
  const wire::JoinRequest& request() const { return request_; }
  wire::ClusterId cluster() const { return cluster_; }

  // Errors: those of the refusal; corrupt, if the grant is not for this key in this cluster, or its authority's key
  // does not match.
  Result<Membership> accept(const wire::JoinResponse& response) &&;

 private:
  JoinRequester(PrivateKey key, wire::ClusterId cluster, wire::JoinRequest request)
      : key_(std::move(key)), cluster_(cluster), request_(std::move(request)) {}
  PrivateKey key_;
  wire::ClusterId cluster_;
  wire::JoinRequest request_;
};

}  // namespace exogpu::security
