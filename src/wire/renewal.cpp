#include "wire/renewal.h"

#include "wire/cluster_coding.h"

namespace exogpu::wire {

ByteVector encode(const CertificateRequest& message) {
  proto::CertificateRequest out;
  out.set_request(text_of(message.request));
  out.set_clock_s(message.clock_s);
  return serialize(out);
}

template <>
Result<CertificateRequest> decode<CertificateRequest>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::CertificateRequest>(bytes, "certificate request"));
  if (in.clock_s() > kClockMax) {
    return fail(ErrorCode::corrupt, "a certificate request with a clock after the year 2242");
  }
  EXO_TRY(ByteVector request, blob(in.request(), kCertificateBytesMax, "the request of a certificate request"));
  return CertificateRequest{.request = std::move(request), .clock_s = in.clock_s()};
}

ByteVector encode(const CertificateAnswer& message) {
  proto::CertificateAnswer out;
  if (message.certificate) {
    out.set_certificate(text_of(*message.certificate));
  } else {
    out.set_refusal_code(std::string(to_string(message.certificate.error().code)));
    out.set_refusal_message(cut(message.certificate.error().message, kReasonCharsMax));
  }
  return serialize(out);
}

template <>
Result<CertificateAnswer> decode<CertificateAnswer>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::CertificateAnswer>(bytes, "certificate answer"));
  if (!in.refusal_code().empty()) {
    EXO_TRY(Error refusal, error_of(in.refusal_code(), in.refusal_message(), "certificate answer"));
    return CertificateAnswer{.certificate = std::unexpected(std::move(refusal))};
  }
  EXO_TRY(ByteVector certificate, blob(in.certificate(), kCertificateBytesMax, "the certificate of an answer"));
  return CertificateAnswer{.certificate = std::move(certificate)};
}

}  // namespace exogpu::wire
