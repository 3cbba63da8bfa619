// The authority of a cluster: the key that signs its members' certificates.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "security/certificate.h"
#include "security/key.h"

namespace exogpu::security {

// Validity begins a day early, since the clocks of a household's devices differ.
inline constexpr std::chrono::days kBackdated{1};
// Nodes renew theirs while they run; see renewal_due(). Older versions gave 10 years.
inline constexpr std::chrono::days kNodeValidity{30};
inline constexpr std::chrono::days kAuthorityValidity{30 * 365};

// A request (PKCS #10, DER) for a certificate of this key. It proves that the sender has the key; other claims in a
// request are ignored.
Result<std::vector<std::byte>> make_certificate_request(const PrivateKey& key);

// Whether a node's certificate is to be replaced: a third of its time or less is left, it is not valid yet (a clock was
// wrong), or it is one of the long ones of older versions.
bool renewal_due(const Validity& validity, WallTime now);

class Authority {
 public:
  // A new authority with a self-signed certificate.
  static Result<Authority> create(WallTime now);
  // Errors: corrupt, if key and certificate do not belong together or the certificate is not that of an authority.
  static Result<Authority> of(PrivateKey key, Certificate certificate);

  const PrivateKey& key() const { return key_; }
  const Certificate& certificate() const { return certificate_; }
  wire::ClusterId cluster() const { return certificate_.cluster_id(); }

  // A certificate for the node that sent this request.
  // Errors: corrupt (not a request, or not signed with its own key), unsupported (a key not on P-256).
  Result<Certificate> sign(std::span<const std::byte> request, WallTime now) const;

 private:
  Authority(PrivateKey key, Certificate certificate) : key_(std::move(key)), certificate_(std::move(certificate)) {}
  PrivateKey key_;
  Certificate certificate_;
};

}  // namespace exogpu::security
