// Who this node is: its key, the certificate that its cluster gave it, and the authority it trusts.
#pragma once

#include <optional>

#include "base/result.h"
#include "security/authority.h"
#include "security/certificate.h"
#include "security/key.h"

namespace exogpu::security {

class Identity {
 public:
  // Errors: corrupt when the parts do not belong together.
  static Result<Identity> of(PrivateKey key, Certificate certificate, Certificate authority);
  // A node of the authority's cluster, with a new key.
  static Result<Identity> issue(const Authority& authority, WallTime now);

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

// What a device has from then on when a cluster has let it in.
struct Membership {
  Identity identity;
  std::optional<Authority> authority;  // to let others in; none from a node that does not hand the key on
};

}  // namespace exogpu::security
