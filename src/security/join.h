// How a node becomes part of a cluster: both ends of the conversation, without the connection that carries it.
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

// The end that lets others in. A grant of it holds the authority's key: any member may let others in, so that the
// cluster can grow when the node that founded it is gone.
class JoinDesk {
 public:
  JoinDesk(Authority authority, TokenStore tokens) : authority_(std::move(authority)), tokens_(std::move(tokens)) {}

  // Blocks while it writes the token's use to disk. One thread at a time.
  // The grant is for the connection that the request came over alone: who asks has seen there that it talks to the
  // cluster (by the hash in its token), and shows the token's secret on it, so nobody is in the middle.
  // Errors, for the other end to read: unsupported (no protocol in common), unauthenticated (the token), corrupt (the
  // request). A request that is refused for another reason than its token does not use the token up.
  Result<wire::JoinGrant> admit(const wire::JoinRequest& request, WallTime now) const;

  // For one who shows by other means that it may come in, and on which connection. Errors: corrupt, unsupported.
  Result<wire::JoinGrant> grant(std::span<const std::byte> certificate_request, WallTime now) const;

  wire::ClusterId cluster() const { return authority_.cluster(); }

 private:
  Authority authority_;
  TokenStore tokens_;
};

// The end that wants to be let in.
class JoinApplication {
 public:
  // With a new key, which never leaves this object but in the identity.
  static Result<JoinApplication> make(const JoinToken& token);
  // Without a token: for a pairing.
  static Result<JoinApplication> make(wire::ClusterId cluster);

  // To be shown only over a connection that proved to belong to the token's cluster.
  const wire::JoinRequest& request() const { return request_; }
  wire::ClusterId cluster() const { return cluster_; }

  // Errors: those of the refusal, or corrupt when the grant is not one for this key in this cluster, or its authority's
  // key is another's.
  Result<Membership> accept(const wire::JoinResponse& response) &&;

 private:
  JoinApplication(PrivateKey key, wire::ClusterId cluster, wire::JoinRequest request)
      : key_(std::move(key)), cluster_(cluster), request_(std::move(request)) {}
  PrivateKey key_;
  wire::ClusterId cluster_;
  wire::JoinRequest request_;
};

}  // namespace exogpu::security
