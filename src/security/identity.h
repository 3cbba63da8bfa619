// A node's identity: its key, its certificate, and the certificate of its cluster's authority.
#pragma once

#include <optional>

#include "base/result.h"
#include "security/authority.h"
#include "security/certificate.h"
#include "security/key.h"
#include "wire/messages.h"

namespace exogpu::security {

class Identity {
 public:
  // Errors: corrupt, if the parts do not belong together.
  static Result<Identity> of(PrivateKey key, Certificate certificate, Certificate authority);
  // Makes a node of the authority's cluster, with a new key.
  static Result<Identity> issue(const Authority& authority, WallTime now);

  // The same node with another certificate. Errors: corrupt, as above.
  Result<Identity> with(const Certificate& certificate) const;

  const PrivateKey& key() const { return key_; }
  const Certificate& certificate() const { return certificate_; }
  const Certificate& authority() const { return authority_; }
  wire::NodeId node() const { return certificate_.node_id(); }
  wire::ClusterId cluster() const { return authority_.cluster_id(); }

 private:
  Identity(PrivateKey key, Certificate certificate, Certificate authority)
      : key_(std::move(key)), certificate_(std::move(certificate)), authority_(std::move(authority)) {}
  PrivateKey key_;
  Certificate certificate_;
  Certificate authority_;
};

// What a device receives when a cluster admits it.
struct Membership {
  Identity identity;
  std::optional<Authority> authority;  // of an owner, to admit others
  wire::ByteVector roles{};            // wire::Roles, for node/roles.h; empty: the cluster has none
};

}  // namespace exogpu::security
