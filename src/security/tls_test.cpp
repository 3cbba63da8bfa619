// Handshakes between two ends in memory.
#include "security/tls.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <array>

#include "base/testing/expect.h"
#include "security/testing/now.h"

namespace exogpu::security {
namespace {

using exogpu::testing::expect_error;
using testing::kNow;

Authority authority() { return Authority::create(kNow).value(); }

Identity identity(const Authority& of, WallTime at = kNow) { return Identity::issue(of, at).value(); }

struct Ends {
  Openssl<SSL> client, server;
  Result<void> client_result, server_result;  // of the handshake and, for the client, of its first read
};

// One step of an end; false while it waits for the other end.
bool step(SSL* ssl, int result, Result<void>& outcome) {
  if (!outcome) return true;
  if (result == 1) return true;
  const int why = SSL_get_error(ssl, result);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return false;
  outcome = std::unexpected(tls_error(ssl));
  return true;
}

Ends shake_hands(const TlsContext& client, const TlsContext& server) {
  Ends ends{.client = client.connection(TlsSide::client).value(),
            .server = server.connection(TlsSide::server).value(),
            .client_result = {},
            .server_result = {}};
  BIO *left = nullptr, *right = nullptr;
  BIO_new_bio_pair(&left, 0, &right, 0);
  SSL_set_bio(ends.client.get(), left, left);
  SSL_set_bio(ends.server.get(), right, right);
  for (int i = 0; i < 20; ++i) {
    step(ends.client.get(), SSL_do_handshake(ends.client.get()), ends.client_result);
    step(ends.server.get(), SSL_do_handshake(ends.server.get()), ends.server_result);
  }
  // In TLS 1.3 a client learns that its certificate was refused only when it reads.
  char byte;
  if (ends.client_result) step(ends.client.get(), SSL_read(ends.client.get(), &byte, 1), ends.client_result);
  return ends;
}

TEST(Tls, NodesOfOneClusterKnowEachOther) {
  const auto cluster = authority();
  const auto one = identity(cluster), other = identity(cluster);
  const auto ends = shake_hands(TlsContext::for_node(one).value(), TlsContext::for_node(other).value());
  ASSERT_TRUE(ends.client_result) << ends.client_result.error().message;
  ASSERT_TRUE(ends.server_result) << ends.server_result.error().message;
  EXPECT_EQ(peer_of(ends.client.get()).value(), other.node());
  EXPECT_EQ(peer_of(ends.server.get()).value(), one.node());
  EXPECT_EQ(purpose_of(ends.server.get()), TlsPurpose::link);
  EXPECT_EQ(SSL_version(ends.client.get()), TLS1_3_VERSION);
}

TEST(Tls, ANodeOfAnotherClusterIsRefusedByBoth) {
  const auto one = identity(authority()), other = identity(authority());
  const auto ends = shake_hands(TlsContext::for_node(one).value(), TlsContext::for_node(other).value());
  expect_error(ends.client_result, ErrorCode::unauthenticated, "its certificate belongs to another cluster");
  EXPECT_FALSE(ends.server_result);
}

// A client that accepts any server and has any certificate.
Ends shake_hands_with_stranger(const TlsContext& server, const Identity* shown,
                               const char* alpn =
                                   "\x0b"
                                   "exogpu-link",
                               int version = TLS1_3_VERSION) {
  Openssl<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_max_proto_version(context.get(), version);
  if (shown) {
    SSL_CTX_use_certificate(context.get(), shown->certificate().native());
    SSL_CTX_use_PrivateKey(context.get(), shown->key().native());
  }
  Ends ends{.client = Openssl<SSL>(SSL_new(context.get())),
            .server = server.connection(TlsSide::server).value(),
            .client_result = {},
            .server_result = {}};
  SSL_set_connect_state(ends.client.get());
  SSL_set_alpn_protos(ends.client.get(), reinterpret_cast<const unsigned char*>(alpn),
                      static_cast<unsigned>(std::strlen(alpn)));
  BIO *left = nullptr, *right = nullptr;
  BIO_new_bio_pair(&left, 0, &right, 0);
  SSL_set_bio(ends.client.get(), left, left);
  SSL_set_bio(ends.server.get(), right, right);
  for (int i = 0; i < 20; ++i) {
    step(ends.client.get(), SSL_do_handshake(ends.client.get()), ends.client_result);
    step(ends.server.get(), SSL_do_handshake(ends.server.get()), ends.server_result);
  }
  char byte;
  if (ends.client_result) step(ends.client.get(), SSL_read(ends.client.get(), &byte, 1), ends.client_result);
  return ends;
}

TEST(Tls, AServerRefusesStrangers) {
  const auto cluster = authority();
  const auto server = TlsContext::for_node(identity(cluster)).value();

  const auto bare = shake_hands_with_stranger(server, nullptr);
  expect_error(bare.server_result, ErrorCode::unauthenticated, "it has no certificate");
  expect_error(bare.client_result, ErrorCode::unauthenticated, "refuses this node's certificate");

  const auto foreign = identity(authority());
  const auto foreigner = shake_hands_with_stranger(server, &foreign);
  expect_error(foreigner.server_result, ErrorCode::unauthenticated, "its certificate belongs to another cluster");
  expect_error(foreigner.client_result, ErrorCode::unauthenticated, "refuses this node's certificate");
}

TEST(Tls, TheDatesOfACertificateAreForTheEndsToCheck) {
  const auto cluster = Authority::create(kNow - std::chrono::days(100)).value();
  const auto self = identity(cluster), expired = identity(cluster, kNow - std::chrono::days(40));
  const auto ends = shake_hands(TlsContext::for_node(expired).value(), TlsContext::for_node(self).value());
  ASSERT_TRUE(ends.server_result) << ends.server_result.error().message;
  const Validity valid = validity_of_peer(ends.server.get());
  EXPECT_EQ(valid.from, std::chrono::floor<std::chrono::seconds>(kNow - std::chrono::days(40) - kBackdated));
  EXPECT_EQ(valid.to, valid.from + kNodeValidity);
  const NodeClock here{.node = self.node(), .time = kNow};
  const NodeClock there{.node = expired.node(), .time = kNow - std::chrono::days(30)};
  const auto late = check_validity(valid, there, here);
  expect_error(late, ErrorCode::unauthenticated,
               "that of node " + expired.node().short_text() + " says " + date_text(*there.time));
  expect_error(late, ErrorCode::unauthenticated,
               "The clock of node " + self.node().short_text() + " says " + date_text(kNow));
  EXPECT_TRUE(check_validity(valid, here, {.node = self.node(), .time = valid.to}));
  EXPECT_TRUE(check_validity(valid, here, {.node = self.node(), .time = valid.from}));
  EXPECT_FALSE(check_validity(valid, here, {.node = self.node(), .time = valid.from - std::chrono::seconds(1)}));
  expect_error(valid_peer_of(ends.server.get()), ErrorCode::unauthenticated, "and this clock says");
  EXPECT_EQ(valid_peer_of(ends.client.get()).value(), self.node());
}

TEST(Tls, ARenewedCertificateIsShownByTheConnectionsThatFollow) {
  const auto cluster = authority();
  const auto other = TlsContext::for_node(identity(cluster)).value();
  const auto before = identity(cluster, kNow - std::chrono::days(25));
  const TlsContext made = TlsContext::for_node(before).value();
  TlsContext copy = made;
  const auto request = make_certificate_request(before.key()).value();
  const auto after = before.with(cluster.sign(request, kNow).value()).value();
  ASSERT_TRUE(copy.renew(after));
  const auto ends = shake_hands(made, other);
  ASSERT_TRUE(ends.server_result) << ends.server_result.error().message;
  EXPECT_EQ(validity_of_peer(ends.server.get()).to, after.certificate().validity().to);
}

TEST(Tls, ANodeIsNoAuthority) {
  // A certificate that a member signed with its own key.
  const auto cluster = authority();
  const auto member = identity(cluster);
  auto key = PrivateKey::generate().value();
  Openssl<X509> forged(X509_dup(member.certificate().native()));
  X509_set_pubkey(forged.get(), key.native());
  X509_set_issuer_name(forged.get(), X509_get_subject_name(member.certificate().native()));
  X509_sign(forged.get(), member.key().native(), EVP_sha256());
  Openssl<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_use_certificate(context.get(), forged.get());
  SSL_CTX_use_PrivateKey(context.get(), key.native());
  SSL_CTX_add1_chain_cert(context.get(), member.certificate().native());
  Ends ends{.client = Openssl<SSL>(SSL_new(context.get())),
            .server = TlsContext::for_node(identity(cluster)).value().connection(TlsSide::server).value(),
            .client_result = {},
            .server_result = {}};
  SSL_set_connect_state(ends.client.get());
  SSL_set_alpn_protos(ends.client.get(),
                      reinterpret_cast<const unsigned char*>("\x0b"
                                                             "exogpu-link"),
                      12);
  BIO *left = nullptr, *right = nullptr;
  BIO_new_bio_pair(&left, 0, &right, 0);
  SSL_set_bio(ends.client.get(), left, left);
  SSL_set_bio(ends.server.get(), right, right);
  for (int i = 0; i < 20; ++i) {
    step(ends.client.get(), SSL_do_handshake(ends.client.get()), ends.client_result);
    step(ends.server.get(), SSL_do_handshake(ends.server.get()), ends.server_result);
  }
  expect_error(ends.server_result, ErrorCode::unauthenticated, "its certificate belongs to another cluster");
}

TEST(Tls, OlderVersionsAndOtherProtocolsAreRefused) {
  const auto cluster = authority();
  const auto member = identity(cluster);
  const auto server = TlsContext::for_node(identity(cluster)).value();
  const auto older = shake_hands_with_stranger(server, &member,
                                               "\x0b"
                                               "exogpu-link",
                                               TLS1_2_VERSION);
  expect_error(older.server_result, ErrorCode::unsupported, "does not speak TLS 1.3");
  const auto web = shake_hands_with_stranger(server, &member, "\x02h2");
  expect_error(web.server_result, ErrorCode::unsupported, "not an exogpu node");
}

TEST(Tls, ANewcomerTrustsOnlyTheClusterOfItsToken) {
  const auto cluster = authority();
  const auto server = TlsContext::for_node(identity(cluster)).value();
  const auto good = shake_hands(TlsContext::for_joining(cluster.cluster()).value(), server);
  ASSERT_TRUE(good.client_result) << good.client_result.error().message;
  ASSERT_TRUE(good.server_result) << good.server_result.error().message;
  EXPECT_EQ(purpose_of(good.server.get()), TlsPurpose::join);
  EXPECT_FALSE(peer_of(good.server.get()));
  const auto bad = shake_hands(TlsContext::for_joining(authority().cluster()).value(), server);
  expect_error(bad.client_result, ErrorCode::unauthenticated, "its certificate belongs to another cluster");
}

TEST(Tls, AConnectionOutlivesItsContext) {
  const auto cluster = authority();
  auto context = std::make_unique<TlsContext>(TlsContext::for_joining(cluster.cluster()).value());
  auto connection = context->connection(TlsSide::client).value();
  context.reset();
  BIO *left = nullptr, *right = nullptr;
  BIO_new_bio_pair(&left, 0, &right, 0);
  SSL_set_bio(connection.get(), left, left);
  auto server = TlsContext::for_node(identity(cluster)).value().connection(TlsSide::server).value();
  SSL_set_bio(server.get(), right, right);
  Result<void> client_result, server_result;
  for (int i = 0; i < 20; ++i) {
    step(connection.get(), SSL_do_handshake(connection.get()), client_result);
    step(server.get(), SSL_do_handshake(server.get()), server_result);
  }
  EXPECT_TRUE(client_result && server_result);
  EXPECT_EQ(SSL_is_init_finished(connection.get()), 1);
}

}  // namespace
}  // namespace exogpu::security
