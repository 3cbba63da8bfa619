// How a node joins a cluster: both ends of the protocol, without the connection.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "security/authority.h"
#include "security/identity.h"
#include "security/join_token.h"
#include "security/token_store.h"
#include "wire/messages.h"

namespace exogpu::security {

// The end that admits newcomers. Its grant includes the authority's key for an owner alone.
class JoinResponder {
 public:
  // What becomes of a newcomer.
  struct Enrolment {
    bool owner = true;
    wire::ByteVector roles{};  // wire::Roles, for it to keep
  };
  // Called once a newcomer may join, for the role that it was let in with, if one was named.
  using Enrol = std::function<Result<Enrolment>(wire::NodeId, std::optional<wire::Role>)>;
  // Errors: failed_precondition, where this node does not have the key.
  using FindAuthority = std::function<Result<std::shared_ptr<const Authority>>()>;

  // One that has the key for good and makes every newcomer an owner, as in clusters without roles.
  JoinResponder(Authority authority, TokenStore tokens);
  JoinResponder(wire::ClusterId cluster, FindAuthority authority, TokenStore tokens, Enrol enrol)
      : cluster_(cluster), authority_(std::move(authority)), tokens_(std::move(tokens)), enrol_(std::move(enrol)) {}

  // Blocks while it writes the token's use to disk. One thread at a time.
  // The grant must be sent only on the connection of the request. On it the newcomer has verified the cluster (by the
  // hash in its token) and shown the token's secret, so there is no man in the middle. Errors, which the newcomer gets
  // to read: unsupported (no common protocol), unauthenticated (the token), corrupt (the request). A request refused
  // for another reason than its token does not use up the token.
  Result<wire::JoinGrant> admit(const wire::JoinRequest& request, WallTime now) const;

  // For a newcomer that is authenticated otherwise, together with its connection: first the certificate, which changes
  // nothing, then the rest. Errors: corrupt, unsupported, failed_precondition; those of enrolling.
  Result<Certificate> certify(std::span<const std::byte> certificate_request, WallTime now) const;
  Result<wire::JoinGrant> grant(const Certificate& certificate, std::optional<wire::Role> role) const;

  wire::ClusterId cluster() const { return cluster_; }

 private:
  wire::ClusterId cluster_;
  FindAuthority authority_;
  TokenStore tokens_;
  Enrol enrol_;
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
