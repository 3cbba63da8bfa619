#include "node/renewal.h"

#include <algorithm>
#include <format>

namespace exogpu::node {

void Renewal::register_handlers(Dispatch& dispatch) {
  dispatch.on<wire::CertificateRequest>([this](wire::NodeId from, const wire::CertificateRequest& request) {
    auto granted = grant(from, request);
    if (granted) host_.on_granted(from);
    (void)transport_->send_message(from, wire::CertificateAnswer{.certificate = std::move(granted)});
  });
  dispatch.on<wire::CertificateAnswer>([this](wire::NodeId from, const wire::CertificateAnswer& answer) {
    if (asked_ != from) return;
    asked_.reset();
    const auto taken = take(answer);
    // Others than the one that was asked may have the key.
    if (taken || taken.error().code == ErrorCode::failed_precondition) return;
    host_.note(std::format("the certificate of this node, which is valid until {}, is not renewed yet: {}",
                           security::date_text(validity_.to), taken.error().message));
  });
}

void Renewal::tick(Time now) {
  if (now < next_) return;
  next_ = now + kEvery;
  if (!security::renewal_due(validity_, host_.clock())) return;
  if (const auto done = renew(); !done) host_.note(done.error().message);
}

Result<void> Renewal::renew() {
  EXO_TRY(std::optional<security::Identity> known, store_.load());
  if (!known) return {};
  EXO_TRY(const auto own, store_.renew_by_itself(*known, host_.clock()));
  if (own) {
    renewed(*own);
  } else {
    ask(*known);
  }
  return {};
}

void Renewal::ask(const security::Identity& identity) {
  const auto nodes = transport_->connected_nodes();
  if (nodes.empty()) return;
  auto request = security::make_certificate_request(identity.key());
  if (!request) return host_.note(request.error().message);
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(host_.clock().time_since_epoch()).count();
  const wire::NodeId to = nodes[turn_++ % nodes.size()];
  const auto clock_s = std::clamp<int64_t>(since, 0, wire::kClockMax);
  asked_ = to;
  (void)transport_->send_message(
      to, wire::CertificateRequest{.request = *std::move(request), .clock_s = static_cast<uint64_t>(clock_s)});
}

Result<wire::ByteVector> Renewal::grant(wire::NodeId to, const wire::CertificateRequest& request) const {
  EXO_TRY(const security::Authority authority, store_.authority());
  const security::WallTime now = host_.clock(), theirs{std::chrono::seconds(request.clock_s)};
  EXO_TRY(const security::Certificate certificate, authority.sign(request.request, now));
  if (certificate.node_id() != to) {
    return fail(ErrorCode::permission_denied, "the certificate request of node {} is for another node",
                to.short_text());
  }
  if (!certificate.validity().includes(theirs)) {
    return fail(ErrorCode::invalid_argument,
                "the clock of node {} says {}, that of node {} says {}; set the one that is wrong (sudo timedatectl "
                "set-ntp true)",
                to.short_text(), security::date_text(theirs), self_.short_text(), security::date_text(now));
  }
  return certificate.to_der();
}

Result<void> Renewal::take(const wire::CertificateAnswer& answer) {
  if (!answer.certificate) return std::unexpected(answer.certificate.error());
  EXO_TRY(const auto certificate, security::Certificate::from_der(*answer.certificate, "the renewed certificate"));
  if (security::renewal_due(certificate.validity(), host_.clock())) {
    return fail(ErrorCode::corrupt, "the certificate that was sent is valid from {} to {}",
                security::date_text(certificate.validity().from), security::date_text(certificate.validity().to));
  }
  EXO_TRY(const security::Identity identity, store_.renew(certificate));
  renewed(identity);
  return {};
}

void Renewal::renewed(const security::Identity& identity) {
  validity_ = identity.certificate().validity();
  host_.on_renewed(identity);
}

}  // namespace exogpu::node
