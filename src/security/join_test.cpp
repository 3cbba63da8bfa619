#include "security/join.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "base/testing/expect.h"
#include "base/testing/temp_dir.h"
#include "security/testing/now.h"

namespace exogpu::security {
namespace {

using exogpu::testing::expect_error;
using exogpu::testing::TempDir;
using testing::kNow;

class Join : public ::testing::Test {
 protected:
  Join() : tokens_(dir_ / "state"), authority_(Authority::create(kNow).value()) {}
  JoinToken token() { return tokens_.issue(authority_.cluster(), {}, kNow).value(); }
  JoinResponder responder() {
    return {Authority::of(copy(authority_.key()), copy(authority_.certificate())).value(), tokens_};
  }
  static PrivateKey copy(const PrivateKey& key) { return PrivateKey::from_pem(key.to_pem(), "copy").value(); }
  static Certificate copy(const Certificate& it) { return Certificate::from_der(it.to_der(), "copy").value(); }

  TempDir dir_;
  TokenStore tokens_;
  Authority authority_;
};

TEST_F(Join, ATokenMakesAMember) {
  auto requester = JoinRequester::make(token()).value();
  auto grant = responder().admit(requester.request(), kNow);
  ASSERT_TRUE(grant) << grant.error().message;
  const auto member = std::move(requester).accept({.answer = *grant});
  ASSERT_TRUE(member) << member.error().message;
  EXPECT_EQ(member->identity.cluster(), authority_.cluster());
  EXPECT_TRUE(member->identity.certificate().signed_by(authority_.certificate()));
}

TEST_F(Join, ANewcomerGetsItsRoleAndTheKeyOnlyAsAnOwner) {
  std::optional<wire::Role> asked;
  const auto with_roles = [&] {
    return JoinResponder(
        authority_.cluster(),
        [&]() -> Result<std::shared_ptr<const Authority>> {
          return std::make_shared<const Authority>(
              Authority::of(copy(authority_.key()), copy(authority_.certificate())).value());
        },
        tokens_,
        [&](wire::NodeId, std::optional<wire::Role> role) -> Result<JoinResponder::Enrolment> {
          asked = role;
          return JoinResponder::Enrolment{.owner = role == wire::Role::owner, .roles = {std::byte{1}}};
        });
  };
  for (const auto role :
       {std::optional<wire::Role>(), std::optional(wire::Role::worker), std::optional(wire::Role::owner)}) {
    const JoinToken token = tokens_.issue(authority_.cluster(), {.role = role}, kNow).value();
    auto requester = JoinRequester::make(token).value();
    const auto grant = with_roles().admit(requester.request(), kNow);
    ASSERT_TRUE(grant) << grant.error().message;
    const auto joined = std::move(requester).accept({.answer = *grant});
    ASSERT_TRUE(joined) << joined.error().message;
    EXPECT_EQ(asked, role);
    EXPECT_EQ(joined->authority.has_value(), role == wire::Role::owner);
    EXPECT_EQ(joined->roles, wire::ByteVector{std::byte{1}});
  }
}

TEST_F(Join, AMemberLetsInTheNext) {
  auto first = JoinRequester::make(token()).value();
  const auto granted = responder().admit(first.request(), kNow).value();
  // On the heap, since GCC 14 with sanitizers otherwise reports what accept() filled as uninitialised.
  const auto member = std::make_unique<Membership>(std::move(first).accept({.answer = granted}).value());
  ASSERT_TRUE(member->authority);
  const TokenStore tokens(dir_ / "member");
  const JoinResponder of_member(*std::move(member->authority), tokens);
  EXPECT_EQ(of_member.cluster(), authority_.cluster());
  auto second = JoinRequester::make(tokens.issue(of_member.cluster(), {}, kNow).value()).value();
  const auto again = of_member.admit(second.request(), kNow);
  ASSERT_TRUE(again) << again.error().message;
  const auto next = std::move(second).accept({.answer = *again});
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_TRUE(next->identity.certificate().signed_by(authority_.certificate()));
  EXPECT_TRUE(next->authority);
}

TEST_F(Join, AMemberWithoutTheAuthoritysKeyAdmitsNoNode) {
  auto requester = JoinRequester::make(token()).value();
  auto grant = responder().admit(requester.request(), kNow).value();
  grant.authority_key.clear();  // like an older node
  const auto member = std::move(requester).accept({.answer = grant});
  ASSERT_TRUE(member) << member.error().message;
  EXPECT_FALSE(member->authority);
}

TEST_F(Join, AnotherAuthoritysKeyIsRefused) {
  const auto accept = [&](wire::ByteVector key) {
    auto requester = JoinRequester::make(token()).value();
    auto grant = responder().admit(requester.request(), kNow).value();
    grant.authority_key = std::move(key);
    return std::move(requester).accept({.answer = std::move(grant)});
  };
  const auto other = PrivateKey::generate().value().to_der();
  expect_error(accept(other), ErrorCode::corrupt, "the cluster's authority do not belong together");
  expect_error(accept({other.begin(), other.end() - 1}), ErrorCode::corrupt, "authority's key: not a private key");
  auto longer = authority_.key().to_der();
  longer.push_back(std::byte{0});
  expect_error(accept(longer), ErrorCode::corrupt, "not a private key");
  Openssl<EVP_PKEY> larger(EVP_EC_gen("P-384"));
  const Openssl<PKCS8_PRIV_KEY_INFO> info(EVP_PKEY2PKCS8(larger.get()));
  unsigned char* der = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &der);
  wire::ByteVector wrong_curve(reinterpret_cast<std::byte*>(der), reinterpret_cast<std::byte*>(der) + size);
  OPENSSL_free(der);
  expect_error(accept(wrong_curve), ErrorCode::unsupported, "not on the curve P-256");
  // The public part of the right key, with which it would pass as that key, and the private part of another. The public
  // part is the last 65 bytes of the encoding.
  auto mixed = other;
  const auto right = authority_.key().to_der();
  ASSERT_EQ(mixed.size(), right.size());
  std::copy(right.end() - 65, right.end(), mixed.end() - 65);
  expect_error(accept(mixed), ErrorCode::corrupt, "do not belong together");
  EXPECT_TRUE(accept(right));
}

TEST_F(Join, ABrokenRequestDoesNotUseTheTokenUp) {
  const auto good = JoinRequester::make(token()).value();
  auto request = good.request();
  request.certificate_request.back() ^= std::byte{1};
  expect_error(responder().admit(request, kNow), ErrorCode::corrupt, "not signed with its own key");
  request.certificate_request.resize(30);
  expect_error(responder().admit(request, kNow), ErrorCode::corrupt, "not a certificate request");
  request = good.request();
  request.versions = {.program = "9.9.9", .protocol_min = 907, .protocol_max = 909};
  expect_error(responder().admit(request, kNow), ErrorCode::unsupported, "exogpu 9.9.9 (protocols 907 to 909)");
  EXPECT_TRUE(responder().admit(good.request(), kNow));
  expect_error(responder().admit(good.request(), kNow), ErrorCode::unauthenticated, "used up");
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
  expect_error(result, ErrorCode::unsupported, "not on the curve P-256");
}

TEST_F(Join, AnAnswerForAnotherNodeIsRefused) {
  auto mine = JoinRequester::make(token()).value();
  const auto other = JoinRequester::make(token()).value();
  auto grant = responder().admit(other.request(), kNow);
  ASSERT_TRUE(grant);
  expect_error(std::move(mine).accept({.answer = *grant}), ErrorCode::corrupt, "do not belong together");
}

TEST_F(Join, AnAnswerOfAnotherClusterIsRefused) {
  auto requester = JoinRequester::make(token()).value();
  const auto other = Authority::create(kNow).value();
  const auto certificate = other.sign(requester.request().certificate_request, kNow).value();
  const wire::JoinGrant grant{.certificate = certificate.to_der(), .authority = other.certificate().to_der()};
  expect_error(std::move(requester).accept({.answer = grant}), ErrorCode::unauthenticated, "another cluster");
}

TEST_F(Join, ARefusalComesThroughAsItIs) {
  auto requester = JoinRequester::make(token()).value();
  const Error refusal{.code = ErrorCode::unauthenticated, .message = "the token has expired"};
  expect_error(std::move(requester).accept({.answer = std::unexpected(refusal)}), ErrorCode::unauthenticated,
               "the token has expired");
}

}  // namespace
}  // namespace exogpu::security
