#include "wire/renewal.h"

#include <gtest/gtest.h>

#include "base/testing/expect.h"

namespace exogpu::wire {
namespace {

using exogpu::testing::expect_error;

TEST(RenewalMessagesTest, ComeBackAsTheyWere) {
  const CertificateRequest request{.request = ByteVector(300, std::byte{7}), .clock_s = 1'900'000'000};
  EXPECT_EQ(decode<CertificateRequest>(encode(request)).value(), request);
  const auto granted = decode<CertificateAnswer>(encode(CertificateAnswer{.certificate = request.request})).value();
  EXPECT_EQ(granted.certificate.value(), request.request);
  const auto refused = decode<CertificateAnswer>(
      encode(CertificateAnswer{.certificate = fail(ErrorCode::permission_denied, "not for you")}));
  expect_error(refused.value().certificate, ErrorCode::permission_denied, "not for you");
}

TEST(RenewalMessagesTest, WhatIsTooLargeOrMissingIsRefused) {
  const ByteVector large(kCertificateBytesMax + 1);
  expect_error(decode<CertificateRequest>(encode(CertificateRequest{.request = large})), ErrorCode::corrupt, "8,193");
  expect_error(decode<CertificateRequest>(encode(CertificateRequest{})), ErrorCode::corrupt, "is missing");
  expect_error(decode<CertificateRequest>(encode(CertificateRequest{.request = {large[0]}, .clock_s = kClockMax + 1})),
               ErrorCode::corrupt, "2242");
  expect_error(decode<CertificateAnswer>(encode(CertificateAnswer{.certificate = large})), ErrorCode::corrupt, "8,193");
}

}  // namespace
}  // namespace exogpu::wire
