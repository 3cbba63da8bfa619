#include "security/join.h"

#include <gtest/gtest.h>

#include "base/testing/temp_dir.h"

namespace exogpu::security {
namespace {

using exogpu::testing::TempDir;

const WallTime kNow = std::chrono::system_clock::now();

template <typename T>
void expect_error(const Result<T>& result, ErrorCode code, std::string_view words) {
  ASSERT_FALSE(result) << "accepted, but expected: " << words;
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_NE(result.error().message.find(words), std::string::npos) << result.error().message;
}

class Join : public ::testing::Test {
 protected:
  Join() : tokens_(dir_ / "state"), authority_(Authority::create(kNow).value()) {}
  JoinToken token() { return tokens_.issue(authority_.cluster(), {}, kNow).value(); }
  JoinDesk desk() { return {Authority::of(copy(authority_.key()), copy(authority_.certificate())).value(), tokens_}; }
  static PrivateKey copy(const PrivateKey& key) { return PrivateKey::from_pem(key.to_pem(), "copy").value(); }
  static Certificate copy(const Certificate& it) { return Certificate::from_der(it.to_der(), "copy").value(); }

  TempDir dir_;
  TokenStore tokens_;
  Authority authority_;
};

TEST_F(Join, ATokenMakesAMember) {
  auto application = JoinApplication::make(token()).value();
  auto grant = desk().admit(application.request(), kNow);
  ASSERT_TRUE(grant) << grant.error().message;
  const auto identity = std::move(application).accept({.answer = *grant});
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->cluster(), authority_.cluster());
  EXPECT_TRUE(identity->certificate().signed_by(authority_.certificate()));
}

TEST_F(Join, ABrokenRequestDoesNotUseTheTokenUp) {
  const auto good = JoinApplication::make(token()).value();
  auto request = good.request();
  request.certificate_request.back() ^= std::byte{1};
  expect_error(desk().admit(request, kNow), ErrorCode::corrupt, "not signed with its own key");
  request.certificate_request.resize(30);
  expect_error(desk().admit(request, kNow), ErrorCode::corrupt, "no certificate request");
  request = good.request();
  request.versions = {.program = "9.9.9", .protocol_min = 7, .protocol_max = 9};
  expect_error(desk().admit(request, kNow), ErrorCode::unsupported, "exogpu 9.9.9 (protocols 7 to 9)");
  EXPECT_TRUE(desk().admit(good.request(), kNow));
  expect_error(desk().admit(good.request(), kNow), ErrorCode::unauthenticated, "used up");
}

TEST_F(Join, OtherKindsOfKeysGetNoCertificate) {
  Openssl<EVP_PKEY> key(EVP_EC_gen("P-384"));
  Openssl<X509_REQ> request(X509_REQ_new());
  X509_REQ_set_pubkey(request.get(), key.get());
  X509_REQ_sign(request.get(), key.get(), EVP_sha256());
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  const auto result = authority_.sign({reinterpret_cast<std::byte*>(der), static_cast<size_t>(size)}, kNow);
  OPENSSL_free(der);
  expect_error(result, ErrorCode::unsupported, "not of the curve P-256");
}

TEST_F(Join, AnAnswerForSomebodyElseIsRefused) {
  auto mine = JoinApplication::make(token()).value();
  const auto other = JoinApplication::make(token()).value();
  auto grant = desk().admit(other.request(), kNow);
  ASSERT_TRUE(grant);
  expect_error(std::move(mine).accept({.answer = *grant}), ErrorCode::corrupt, "do not belong together");
}

TEST_F(Join, AnAnswerOfAnotherClusterIsRefused) {
  auto application = JoinApplication::make(token()).value();
  const auto other = Authority::create(kNow).value();
  const auto certificate = other.sign(application.request().certificate_request, kNow).value();
  const wire::JoinGrant grant{.certificate = certificate.to_der(), .authority = other.certificate().to_der()};
  expect_error(std::move(application).accept({.answer = grant}), ErrorCode::unauthenticated, "another cluster");
}

TEST_F(Join, ARefusalComesThroughAsItIs) {
  auto application = JoinApplication::make(token()).value();
  const Error refusal{.code = ErrorCode::unauthenticated, .message = "the token has expired"};
  expect_error(std::move(application).accept({.answer = std::unexpected(refusal)}), ErrorCode::unauthenticated,
               "the token has expired");
}

}  // namespace
}  // namespace exogpu::security
