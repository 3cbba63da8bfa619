// An X.509 certificate: states that a public key belongs to a node of a cluster, or to its authority.
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

// In whole seconds, both ends included.
struct Validity {
  WallTime from = WallTime::min();
  WallTime to = WallTime::max();
  bool includes(WallTime time) const { return from <= time && time <= to; }
};

// "2026-11-21 20:14 UTC".
std::string date_text(WallTime time);

// A time that the format cannot express becomes 1970.
Validity validity_of(const X509* certificate);

class Certificate {
 public:
  // Errors: corrupt, if it is not a certificate; unsupported, if its key is not on P-256. `name` is for messages.
  static Result<Certificate> from_pem(std::string_view pem, std::string_view name);
  static Result<Certificate> from_der(std::span<const std::byte> der, std::string_view name);
  static Result<Certificate> from_native(Openssl<X509> certificate, std::string_view name);

  std::string to_pem() const;
  std::vector<std::byte> to_der() const;

  // Hashes of the public key; the certificate's texts do not matter.
  wire::NodeId node_id() const;
  wire::ClusterId cluster_id() const;

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
