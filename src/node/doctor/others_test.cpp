#include "node/doctor/others.h"

#include <gtest/gtest.h>

#include "security/authority.h"

namespace exogpu::node {
namespace {

using net::Reached;
using security::Authority;
using security::Identity;

class OfAnother : public ::testing::Test {
 protected:
  Finding judge(net::Visit visit, Level alien = Level::problem, const std::string& address = "10.0.0.9") {
    const std::vector<Visited> visits{{address, 7766, std::move(visit)}};
    const auto findings = judge_other("desk", std::nullopt, visits, here_, alien);
    EXPECT_EQ(findings.size(), 1);
    return findings.front();
  }
  net::Shown shown() const {
    return {.node = other_.node(),
            .cluster = other_.cluster(),
            .node_valid = other_.certificate().validity(),
            .cluster_valid = other_.authority().validity()};
  }
  void expect(const Finding& finding, Level level, std::string_view words) {
    EXPECT_EQ(finding.level, level) << finding.what;
    EXPECT_TRUE((finding.what + " -> " + finding.remedy).contains(words)) << finding.what << " -> " << finding.remedy;
    EXPECT_TRUE(level != Level::problem || !finding.remedy.empty()) << finding.what;
  }

  security::WallTime now_ = std::chrono::system_clock::now();
  Authority authority_ = Authority::create(now_).value();
  Identity self_ = Identity::issue(authority_, now_).value();
  Identity other_ = Identity::issue(authority_, now_).value();
  Here here_{.identity = &self_,
             .interfaces = {{.name = "eth0",
                             .up = true,
                             .connected = true,
                             .multicast = true,
                             .addresses = {{.text = "10.0.0.2", .prefix_bits = 24}}}},
             .now = now_};
};

TEST_F(OfAnother, TheOwnIdentityIsACopyWhereNoNodeRuns) {
  net::Visit visit{.reached = Reached::yes, .identity = shown()};
  (*visit.identity)->node = self_.node();
  here_.state = "/var/lib/exogpu";
  expect(judge(visit), Level::problem, "it has this device's identity");
  expect(judge(visit), Level::problem, "remove its state folder (here: /var/lib/exogpu) and run `exogpu join`");
  here_.node_runs = true;
  expect(judge(visit), Level::ok, "this device's own node");
}

TEST_F(OfAnother, FailuresOfAConnection) {
  expect(judge({.reached = Reached::refused}), Level::problem, "nothing listens at this port");
  expect(judge({.reached = Reached::timed_out}), Level::problem, "ufw allow 7766/tcp");
  expect(judge({.reached = Reached::forbidden}), Level::problem, "firewall on this device");
  expect(judge({.reached = Reached::host_unreachable}), Level::problem, "no device answers at this address");
  expect(judge({.reached = Reached::no_route}, Level::problem, "192.168.7.1"), Level::problem,
         "in no network of this device");
}

TEST_F(OfAnother, WhoItSaysItIs) {
  net::Visit visit{.reached = Reached::yes,
                   .identity = fail(ErrorCode::corrupt, "10.0.0.9 port 7766: it is a printer")};
  expect(judge(visit), Level::problem, "desk (10.0.0.9 port 7766): something answers there, but it is a printer");
  visit.identity = shown();
  visit.hello = net::Peer{.node = other_.node(), .versions = wire::own_versions()};
  expect(judge(visit), Level::ok, "of this cluster");
  visit.hello = net::Peer{.node = other_.node(), .versions = {"7.3.1", 1, 1}};
  expect(judge(visit), Level::ok, "version 7.3.1 (here: ");
  net::Shown stranger = shown();
  stranger.cluster = wire::ClusterId();
  visit.identity = stranger;
  expect(judge(visit), Level::problem, "is of another cluster");
  expect(judge(visit, Level::note), Level::note, "is of another cluster");
  here_.identity = nullptr;
  expect(judge(visit), Level::note, "exogpu join");
}

TEST_F(OfAnother, WhyItDoesNotGreet) {
  net::Visit visit{.reached = Reached::yes, .identity = shown()};
  visit.hello = fail(ErrorCode::unauthenticated, "it does not take this node's certificate");
  expect(judge(visit), Level::problem, "its clock is probably wrong");
  visit.hello = fail(ErrorCode::unsupported, "it speaks protocol 9");
  expect(judge(visit), Level::problem, "install the same version");
  visit.hello = fail(ErrorCode::unavailable, "it is gone");
  expect(judge(visit), Level::problem, "it is gone");
}

TEST_F(OfAnother, ClocksThatDoNotAgree) {
  const net::Visit visit{.reached = Reached::yes,
                         .identity = shown(),
                         .hello = net::Peer{.node = other_.node(), .versions = wire::own_versions()}};
  here_.now = now_ - std::chrono::days(2);
  expect(judge(visit), Level::problem, "begins to be valid at");
  here_.now = now_ + std::chrono::days(11 * 366);
  expect(judge(visit), Level::problem, "was valid until");
}

TEST_F(OfAnother, OneAddressThatWorksIsEnough) {
  const net::Visit good{.reached = Reached::yes,
                        .identity = shown(),
                        .hello = net::Peer{.node = other_.node(), .versions = wire::own_versions()}};
  const std::vector<Visited> visits{{"10.9.9.9", 7766, {.reached = Reached::timed_out, .error_text = "no answer"}},
                                    {"10.0.0.9", 7766, good}};
  const auto findings = judge_other("desk", std::nullopt, visits, here_, Level::problem);
  ASSERT_EQ(findings.size(), 2);
  expect(findings[0], Level::ok, "desk (10.0.0.9 port 7766)");
  expect(findings[1], Level::note, "10.9.9.9 (no answer)");
}

}  // namespace
}  // namespace exogpu::node
