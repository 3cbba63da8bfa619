#include "security/identity.h"

namespace exogpu::security {

Result<Identity> Identity::of(PrivateKey key, Certificate certificate, Certificate authority) {
  if (!authority.is_authority()) {
    return fail(ErrorCode::corrupt, "the certificate of the cluster's authority is not that of an authority");
  }
  if (!certificate.belongs_to(key)) {
    return fail(ErrorCode::corrupt, "the node's key and its certificate do not belong together");
  }
  if (!certificate.signed_by(authority)) {
    return fail(ErrorCode::corrupt, "the node's certificate is not signed by its cluster's authority");
  }
  return Identity(std::move(key), std::move(certificate), std::move(authority));
}

Result<Identity> Identity::with(const Certificate& certificate) const {
  EXO_TRY(PrivateKey key, PrivateKey::from_der(key_.to_der(), "the node's key"));
  EXO_TRY(Certificate renewed, Certificate::from_der(certificate.to_der(), "the renewed certificate"));
  EXO_TRY(Certificate authority, Certificate::from_der(authority_.to_der(), "the authority's certificate"));
  return of(std::move(key), std::move(renewed), std::move(authority));
}

Result<Identity> Identity::issue(const Authority& authority, WallTime now) {
  EXO_TRY(PrivateKey key, PrivateKey::generate());
  EXO_TRY(const auto request, make_certificate_request(key));
  EXO_TRY(Certificate certificate, authority.sign(request, now));
  EXO_TRY(Certificate copy, Certificate::from_der(authority.certificate().to_der(), "the authority"));
  return of(std::move(key), std::move(certificate), std::move(copy));
}

}  // namespace exogpu::security
