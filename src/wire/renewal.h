// How a node gets a later certificate over its links: it asks a node that has the authority's key
// (proto/cluster.proto).
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <expected>

#include "wire/frame.h"
#include "wire/messages.h"

namespace exogpu::wire {

struct CertificateRequest {
  static constexpr ControlType kType = ControlType::certificate_request;
  ByteVector request;    // PKCS #10, DER
  uint64_t clock_s = 0;  // what the sender's clock says, since 1970; at most kClockMax
  friend bool operator==(const CertificateRequest&, const CertificateRequest&) = default;
};

struct CertificateAnswer {
  static constexpr ControlType kType = ControlType::certificate_answer;
  std::expected<ByteVector, Error> certificate;  // DER, or why there is none
};

ByteVector encode(const CertificateRequest& message);
ByteVector encode(const CertificateAnswer& message);
template <>
Result<CertificateRequest> decode<CertificateRequest>(std::span<const std::byte> bytes);
template <>
Result<CertificateAnswer> decode<CertificateAnswer>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
