#include "security/join.h"

#include <optional>

namespace exogpu::security {

Result<wire::JoinGrant> JoinResponder::admit(const wire::JoinRequest& request, WallTime now) const {
  EXO_CHECK(wire::negotiate(wire::own_versions(), request.versions));
  EXO_TRY(wire::JoinGrant granted, grant(request.certificate_request, now));
  EXO_CHECK(tokens_.redeem(request.token_secret, cluster(), now));
  return granted;
}

Result<wire::JoinGrant> JoinResponder::grant(std::span<const std::byte> certificate_request, WallTime now) const {
  EXO_TRY(const Certificate certificate, authority_.sign(certificate_request, now));
  return wire::JoinGrant{.certificate = certificate.to_der(),
                         .authority = authority_.certificate().to_der(),
                         .authority_key = authority_.key().to_der()};
}

Result<JoinRequester> JoinRequester::make(const JoinToken& token) {
  EXO_TRY(JoinRequester made, make(token.cluster));
  made.request_.token_secret = {token.secret.begin(), token.secret.end()};
  return made;
}

Result<JoinRequester> JoinRequester::make(wire::ClusterId cluster) {
  EXO_TRY(PrivateKey key, PrivateKey::generate());
  EXO_TRY(auto request, make_certificate_request(key));
  wire::JoinRequest message{
      .versions = wire::own_versions(), .token_secret = {}, .certificate_request = std::move(request)};
  return JoinRequester(std::move(key), cluster, std::move(message));
}

Result<Membership> JoinRequester::accept(const wire::JoinResponse& response) && {
  if (!response.answer) return std::unexpected(response.answer.error());
  EXO_TRY(Certificate certificate, Certificate::from_der(response.answer->certificate, "the granted certificate"));
  EXO_TRY(Certificate authority, Certificate::from_der(response.answer->authority, "the granted authority"));
  if (authority.cluster_id() != cluster_) {
    return fail(ErrorCode::unauthenticated, "the answer is from another cluster than the one to join");
  }
  std::optional<Authority> key;
  if (!response.answer->authority_key.empty()) {
    EXO_TRY(PrivateKey own, PrivateKey::from_der(response.answer->authority_key, "the granted authority's key"));
    EXO_TRY(Certificate of, Certificate::from_der(response.answer->authority, "the granted authority"));
    EXO_TRY(key, Authority::of(std::move(own), std::move(of)));
  }
  EXO_TRY(Identity identity, Identity::of(std::move(key_), std::move(certificate), std::move(authority)));
  return Membership{.identity = std::move(identity), .authority = std::move(key)};
}

}  // namespace exogpu::security
