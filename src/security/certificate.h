// An X.509 certificate: that a public key belongs to a node of a cluster, or is its authority.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "security/key.h"
#include "security/openssl.h"
#include "wire/node_id.h"

namespace exogpu::security {

using WallTime = std::chrono::system_clock::time_point;

// In whole seconds, both included.
struct Validity {
  WallTime from;
  WallTime to;
};

class Certificate {
 public:
  // Errors: corrupt when it is none, unsupported for a key not on P-256. `name` is what messages call it.
  static Result<Certificate> from_pem(std::string_view pem, std::string_view name);
  static Result<Certificate> from_der(std::span<const std::byte> der, std::string_view name);
  static Result<Certificate> from_native(Openssl<X509> certificate, std::string_view name);

  std::string to_pem() const;
  std::vector<std::byte> to_der() const;

  // Of the public key, whatever the text of the certificate claims.
  wire::NodeId node_id() const;
  wire::ClusterId cluster_id() const;

  // What the format cannot say is 1970.
  Validity validity() const;

  bool is_authority() const;
  bool belongs_to(const PrivateKey& key) const;
  bool signed_by(const Certificate& authority) const;

  X509* native() const { return certificate_.get(); }

 private:
  explicit Certificate(Openssl<X509> certificate) : certificate_(std::move(certificate)) {}
  Openssl<X509> certificate_;
};

}  // namespace exogpu::security
