#include "security/join.h"

#include <utility>

namespace exogpu::security {

JoinResponder::JoinResponder(Authority authority, TokenStore tokens)
    : cluster_(authority.cluster()),
      authority_([kept = std::make_shared<const Authority>(std::move(authority))] { return kept; }),
      tokens_(std::move(tokens)),
      enrol_([](wire::NodeId, std::optional<wire::Role>) { return Enrolment{}; }) {}

Result<wire::JoinGrant> JoinResponder::admit(const wire::JoinRequest& request, WallTime now) const {
  EXO_CHECK(wire::negotiate(wire::own_versions(), request.versions));
  EXO_TRY(const Certificate certificate, certify(request.certificate_request, now));
  EXO_TRY(const auto role, tokens_.redeem(request.token_secret, cluster_, now));
  return grant(certificate, role);
}

Result<Certificate> JoinResponder::certify(std::span<const std::byte> certificate_request, WallTime now) const {
  EXO_TRY(const auto authority, authority_());
  return authority->sign(certificate_request, now);
}

Result<wire::JoinGrant> JoinResponder::grant(const Certificate& certificate, std::optional<wire::Role> role) const {
  EXO_TRY(const auto authority, authority_());
  EXO_TRY(Enrolment enrolled, enrol_(certificate.node_id(), role));
  return wire::JoinGrant{.certificate = certificate.to_der(),
                         .authority = authority->certificate().to_der(),
                         .authority_key = enrolled.owner ? authority->key().to_der() : wire::ByteVector(),
                         .roles = std::move(enrolled.roles)};
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
  return Membership{.identity = std::move(identity), .authority = std::move(key), .roles = response.answer->roles};
}

}  // namespace exogpu::security
