#include "node/renewal.h"

#include <gtest/gtest.h>

#include "base/testing/expect.h"
#include "base/testing/temp_dir.h"
#include "node/testing/fake_transport.h"

namespace exogpu::node {
namespace {

using exogpu::testing::TempDir;
using std::chrono::days;
using std::chrono::minutes;
using testing::deliver;

// An owner, which has the authority's key, and a member without it, by clocks that the test sets.
class RenewalTest : public ::testing::Test {
 protected:
  struct End {
    End(const std::filesystem::path& state, const security::Identity& identity, security::WallTime now)
        : node(identity.node()), store(state), clock(now), validity(identity.certificate().validity()) {
      renewal.emplace(
          node, validity, store, transport,
          RenewalHost{
              .clock = [this] { return clock; },
              .on_renewed = [this](const security::Identity& it) { renewed.push_back(it.certificate().validity()); },
              .on_granted = [this](wire::NodeId to) { granted.push_back(to); },
              .note = [this](const std::string& text) { notes.push_back(text); }});
      renewal->register_handlers(dispatch);
    }
    wire::NodeId node;
    security::IdentityStore store;
    security::WallTime clock;
    security::Validity validity;
    testing::FakeTransport transport;
    Dispatch dispatch;
    std::optional<Renewal> renewal;
    std::vector<security::Validity> renewed;
    std::vector<wire::NodeId> granted;
    std::vector<std::string> notes;
  };

  RenewalTest() {
    owner_.emplace(dir_ / "owner", founder_, now_);
    const security::Authority authority = owner_->store.authority().value();
    EXPECT_TRUE(security::IdentityStore(dir_ / "member")
                    .adopt({.identity = security::Identity::issue(authority, now_).value(), .authority = {}}, false));
    const auto stored = security::IdentityStore(dir_ / "member").load().value();
    member_.emplace(dir_ / "member", *stored, now_);
    member_->transport.connected = {owner_->node};
    owner_->transport.connected = {member_->node};
  }

  // The member's turn at this time, and what comes of it. Whether it asked.
  bool turn(minutes at) {
    member_->renewal->tick(Renewal::Time(at));
    const auto asked = member_->transport.take<wire::CertificateRequest>(owner_->node);
    for (const auto& request : asked) EXPECT_TRUE(deliver(owner_->dispatch, member_->node, request));
    for (const auto& answer : owner_->transport.take<wire::CertificateAnswer>(member_->node)) {
      EXPECT_TRUE(deliver(member_->dispatch, owner_->node, answer));
    }
    return !asked.empty();
  }

  const TempDir dir_;
  const security::WallTime now_ = std::chrono::sys_days(std::chrono::year(2031) / 5 / 6);
  const security::Identity founder_ = security::IdentityStore(dir_ / "owner").load_or_found(now_).value();
  std::optional<End> owner_, member_;
};

TEST_F(RenewalTest, AMemberAsksWhenAThirdOfTheTimeIsLeft) {
  owner_->clock = member_->clock = now_ + days(18);
  EXPECT_FALSE(turn(minutes(1)));
  owner_->clock = member_->clock = now_ + days(20);
  EXPECT_TRUE(turn(minutes(2)));
  ASSERT_EQ(member_->renewed.size(), 1U);
  EXPECT_TRUE(member_->renewed[0].includes(now_ + days(48)));
  EXPECT_EQ(member_->store.load().value()->certificate().validity().to, member_->renewed[0].to);
  EXPECT_EQ(owner_->granted, std::vector{member_->node});
  EXPECT_FALSE(turn(minutes(3))) << "once is enough";
}

TEST_F(RenewalTest, AnOwnerRenewsItsOwn) {
  owner_->clock = now_ + days(25);
  owner_->renewal->tick(Renewal::Time(minutes(1)));
  ASSERT_EQ(owner_->renewed.size(), 1U);
  EXPECT_TRUE(owner_->renewed[0].includes(now_ + days(50)));
  EXPECT_TRUE(owner_->transport.sent.empty());
}

TEST_F(RenewalTest, ClocksThatAreApartAreNamedAndTheOldCertificateStays) {
  owner_->clock = now_ + days(22);
  member_->clock = now_ + days(90);
  EXPECT_TRUE(turn(minutes(1)));
  EXPECT_TRUE(member_->renewed.empty());
  ASSERT_EQ(member_->notes.size(), 1U);
  EXPECT_TRUE(member_->notes[0].contains("says 2031-08-04 00:00 UTC")) << member_->notes[0];
  EXPECT_TRUE(member_->notes[0].contains("says 2031-05-28 00:00 UTC")) << member_->notes[0];
}

TEST_F(RenewalTest, OneWithoutTheKeySaysSoAndTheNextIsAskedThen) {
  std::filesystem::remove(dir_ / "owner/identity/authority.key");
  owner_->clock = member_->clock = now_ + days(25);
  EXPECT_TRUE(turn(minutes(1)));
  EXPECT_TRUE(member_->renewed.empty() && member_->notes.empty());
  EXPECT_FALSE(turn(minutes(1))) << "at most once a minute";
  EXPECT_TRUE(turn(minutes(2)));
}

TEST_F(RenewalTest, NoNodeGetsACertificateForAnotherAndNoAnswerCountsThatWasNotAskedFor) {
  const auto other = security::Identity::issue(owner_->store.authority().value(), now_).value();
  const auto request = security::make_certificate_request(other.key()).value();
  const auto seconds = static_cast<uint64_t>(std::chrono::system_clock::to_time_t(now_));
  EXPECT_TRUE(
      deliver(owner_->dispatch, member_->node, wire::CertificateRequest{.request = request, .clock_s = seconds}));
  const auto answers = owner_->transport.take<wire::CertificateAnswer>(member_->node);
  ASSERT_EQ(answers.size(), 1U);
  exogpu::testing::expect_error(answers[0].certificate, ErrorCode::permission_denied, "is for another node");
  EXPECT_TRUE(owner_->granted.empty());
  const auto own = security::make_certificate_request(member_->store.load().value()->key()).value();
  const auto later = owner_->store.authority().value().sign(own, now_ + days(2)).value();
  EXPECT_TRUE(deliver(member_->dispatch, owner_->node, wire::CertificateAnswer{.certificate = later.to_der()}));
  EXPECT_TRUE(member_->renewed.empty());
}

}  // namespace
}  // namespace exogpu::node
