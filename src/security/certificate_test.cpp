#include "security/certificate.h"

#include <gtest/gtest.h>

#include "security/identity.h"

namespace exogpu::security {
namespace {

TEST(CertificateValidity, IsWhatTheAuthorityWrote) {
  const WallTime now = std::chrono::sys_days(std::chrono::year(2031) / 5 / 6) + std::chrono::hours(7);
  const Authority authority = Authority::create(now).value();
  const Validity cluster = authority.certificate().validity();
  EXPECT_EQ(cluster.from, now - kBackdated);
  EXPECT_EQ(cluster.to, now - kBackdated + kAuthorityValidity);
  const Validity node = Identity::issue(authority, now).value().certificate().validity();
  EXPECT_EQ(node.from, now - kBackdated);
  EXPECT_EQ(node.to, now - kBackdated + kNodeValidity);
}

TEST(CertificateValidity, IsRenewedWhenAThirdIsLeftAndAtOnceWhereItIsLongOrNotBegun) {
  const WallTime now = std::chrono::sys_days(std::chrono::year(2031) / 5 / 6);
  const Authority authority = Authority::create(now).value();
  const Validity valid = Identity::issue(authority, now).value().certificate().validity();
  EXPECT_FALSE(renewal_due(valid, now));
  EXPECT_FALSE(renewal_due(valid, valid.to - kNodeValidity / 3 - std::chrono::seconds(1)));
  EXPECT_TRUE(renewal_due(valid, valid.to - kNodeValidity / 3));
  EXPECT_TRUE(renewal_due(valid, valid.to + std::chrono::days(400)));
  EXPECT_TRUE(renewal_due(valid, valid.from - std::chrono::seconds(1)));
  EXPECT_TRUE(renewal_due({.from = now, .to = now + std::chrono::days(3650)}, now)) << "of an older version";
}

}  // namespace
}  // namespace exogpu::security
