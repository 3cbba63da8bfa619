#include "security/server_certificate.h"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include "base/testing/temp_dir.h"
#include "security/files.h"

namespace exogpu::security {
namespace {

using exogpu::testing::TempDir;

TEST(ServerCertificate, IsForItsNamesAndSignedByTheCluster) {
  const TempDir dir;
  const auto now = std::chrono::system_clock::now();
  const Authority authority = Authority::create(now).value();
  const auto files = write_server_certificate(
      dir / "tls", authority, {"desk", "desk.local", "192.168.1.5", "2001:db8::1", "bad,DNS:evil.example", "desk"},
      now);
  ASSERT_TRUE(files) << files.error().message;
  const Certificate made = Certificate::from_pem(read_secret(files->certificate, 64 * KiB).value(), "api.crt").value();
  const PrivateKey key = PrivateKey::from_pem(read_secret(files->key, 64 * KiB).value(), "api.key").value();
  EXPECT_TRUE(made.belongs_to(key));
  EXPECT_TRUE(made.signed_by(authority.certificate()));
  EXPECT_FALSE(made.is_authority());
  const auto fits = [&](const char* name) { return X509_check_host(made.native(), name, 0, 0, nullptr) == 1; };
  EXPECT_TRUE(fits("desk") && fits("desk.local"));
  EXPECT_FALSE(fits("evil.example") || fits("other"));
  EXPECT_EQ(X509_check_ip_asc(made.native(), "192.168.1.5", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(made.native(), "2001:db8::1", 0), 1);
  EXPECT_NE(X509_check_ip_asc(made.native(), "192.168.1.6", 0), 1);
}

// A member's certificate is for a link; the API's is for no link.
TEST(ServerCertificate, MakesNoMember) {
  const TempDir dir;
  const auto now = std::chrono::system_clock::now();
  const Authority authority = Authority::create(now).value();
  const auto files = write_server_certificate(dir / "tls", authority, {"desk"}, now).value();
  const Certificate made = Certificate::from_pem(read_secret(files.certificate, 64 * KiB).value(), "api.crt").value();
  EXPECT_EQ(X509_check_purpose(made.native(), X509_PURPOSE_SSL_CLIENT, 0), 0);
  EXPECT_EQ(X509_check_purpose(made.native(), X509_PURPOSE_SSL_SERVER, 0), 1);
}

}  // namespace
}  // namespace exogpu::security
