#include "node/local_network.h"

#include <gtest/gtest.h>

#include <deque>
#include <optional>

#include "cluster/testing/examples.h"
#include "security/pairing/store.h"

namespace exogpu::node {
namespace {

using cluster::testing::example_id;
using Lines = std::vector<std::string>;

const wire::ClusterId kOurs(std::array<uint8_t, 16>{1});
const wire::ClusterId kTheirs(std::array<uint8_t, 16>{2});

// A discovery whose reports the test chooses, and a clock that the test advances.
class LocalNetworkTest : public ::testing::Test {
 protected:
  LocalNetworkTest() {
    std::filesystem::remove_all(state_);
    std::filesystem::create_directories(state_);
  }
  ~LocalNetworkTest() override { std::filesystem::remove_all(state_); }

  void make(bool lets_in = true) {
    network_.emplace(net::Announcement{.node = example_id(5),
                                       .name = "desk",
                                       .version = "0.1.0",
                                       .cluster = kOurs,
                                       .port = 7766,
                                       .lets_in = lets_in},
                     state_,
                     LocalNetworkHost{.keep = [this](const wire::Member& member) { kept_.push_back(member); },
                                      .connected = [this](wire::NodeId node) { return connected_.contains(node); },
                                      .discover =
                                          [this](const net::Announcement& own, net::DiscoveryHandler handler) {
                                            return discover(own, std::move(handler));
                                          },
                                      .run_after =
                                          [this](std::chrono::milliseconds time, std::move_only_function<void()> task) {
                                            EXPECT_EQ(time, LocalNetwork::kOthersTurn);
                                            later_.push_back(std::move(task));
                                          },
                                      .note = [this](const std::string& text) { notes_.push_back(text); }});
  }
  void find(uint8_t number, wire::ClusterId cluster = kOurs, const std::string& address = "10.0.0.1") {
    network_handler_.on_found(
        {.announcement =
             {.node = example_id(number), .name = "other", .version = "0.1.0", .cluster = cluster, .port = 7777},
         .addresses = {address}});
  }
  void pass_time() {
    for (auto& task : std::exchange(later_, {})) task();
  }

  std::filesystem::path state_ =
      std::filesystem::path(::testing::TempDir()) /
      std::format("local_network_{}", ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::optional<Error> unavailable_;  // of the next start
  net::DiscoveryHandler network_handler_;
  std::vector<net::Announcement> announced_;
  std::shared_ptr<int> running_;
  std::vector<wire::Member> kept_;
  std::set<wire::NodeId> connected_;
  std::deque<std::move_only_function<void()>> later_;
  Lines notes_;
  std::optional<LocalNetwork> network_;

 private:
  Result<RunningDiscovery> discover(const net::Announcement& own, net::DiscoveryHandler handler) {
    if (unavailable_) return std::unexpected(*unavailable_);
    network_handler_ = std::move(handler);
    announced_.push_back(own);
    running_ = std::make_shared<int>();
    return [this, running = running_](const net::Announcement& changed) { announced_.push_back(changed); };
  }
};

TEST_F(LocalNetworkTest, AnotherNameIsAnnounced) {
  make();
  network_->set_name("hall");  // before it is announced
  network_->start();
  EXPECT_EQ(announced_.at(0).name, "hall");
  network_->set_name("lap");
  ASSERT_EQ(announced_.size(), 2U);
  EXPECT_EQ(announced_[1].name, "lap");
}

TEST_F(LocalNetworkTest, TheNodeWithTheSmallerIdConnectsAtOnce) {
  make();
  network_->start();
  EXPECT_EQ(announced_.at(0).name, "desk");
  find(7);
  ASSERT_EQ(kept_.size(), 1U);
  EXPECT_EQ(kept_[0].node, example_id(7));
  EXPECT_EQ(kept_[0].addresses, Lines{"10.0.0.1"});
  EXPECT_EQ(kept_[0].link_port, 7777);
  EXPECT_TRUE(later_.empty());
}

TEST_F(LocalNetworkTest, TheOtherNodeConnectsOnlyWithoutAConnection) {
  make();
  network_->start();
  find(2);
  find(3);
  EXPECT_TRUE(kept_.empty());
  connected_ = {example_id(3)};
  pass_time();
  ASSERT_EQ(kept_.size(), 1U);
  EXPECT_EQ(kept_[0].node, example_id(2));
}

TEST_F(LocalNetworkTest, NodesOfOtherClustersAreIgnored) {
  make();
  network_->start();
  find(7, kTheirs);
  find(2, kTheirs);
  pass_time();
  EXPECT_TRUE(kept_.empty());
}

TEST_F(LocalNetworkTest, ANewAddressReplacesTheOneBefore) {
  make();
  network_->start();
  find(7);
  network_handler_.on_changed({.announcement = {.node = example_id(7), .name = "other", .cluster = kOurs, .port = 7778},
                               .addresses = {"10.0.0.9"}});
  ASSERT_EQ(kept_.size(), 2U);
  EXPECT_EQ(kept_[1].addresses, Lines{"10.0.0.9"});
  EXPECT_EQ(kept_[1].link_port, 7778);
}

TEST_F(LocalNetworkTest, WithoutDiscoveryTheNodeReportsWhatToDo) {
  unavailable_ = Error{ErrorCode::unavailable, "mDNS cannot be used"};
  make();
  network_->start();
  EXPECT_EQ(notes_, Lines{"mDNS cannot be used; other nodes do not find this one by themselves, and need --join"});
  network_->update_pairing();  // and nothing happens
  network_->stop();
}

TEST_F(LocalNetworkTest, TroubleOnTheNetworkIsNoted) {
  make();
  network_->start();
  network_handler_.on_trouble({ErrorCode::already_exists, "another device shows the id of this node"});
  EXPECT_EQ(notes_, Lines{"another device shows the id of this node"});
}

TEST_F(LocalNetworkTest, APairingCodeIsAnnouncedOnceAndWithdrawn) {
  make();
  network_->start();
  network_->update_pairing();
  EXPECT_EQ(announced_.size(), 1U);  // as before: there is none
  const security::PairingStore store(state_);
  const auto code = store.show(std::chrono::system_clock::now());
  ASSERT_TRUE(code) << code.error().message;
  network_->update_pairing();
  network_->update_pairing();
  ASSERT_EQ(announced_.size(), 2U);
  EXPECT_EQ(announced_[1].pairing, wire::CodeFrom::member);
  EXPECT_EQ(announced_[1].node, example_id(5));
  ASSERT_TRUE(store.withdraw(*code));
  network_->update_pairing();
  ASSERT_EQ(announced_.size(), 3U);
  EXPECT_EQ(announced_[2].pairing, std::nullopt);
}

TEST_F(LocalNetworkTest, ANodeThatCannotLetOthersInAnnouncesNoCode) {
  make(false);
  network_->start();
  ASSERT_TRUE(security::PairingStore(state_).show(std::chrono::system_clock::now()));
  network_->update_pairing();
  EXPECT_EQ(announced_.size(), 1U);
}

TEST_F(LocalNetworkTest, StopEndsTheDiscoveryAndNothingFollowsTheEnd) {
  make();
  network_->start();
  find(2);
  const std::weak_ptr<int> discovery = std::exchange(running_, nullptr);
  EXPECT_FALSE(discovery.expired());
  network_->stop();
  EXPECT_TRUE(discovery.expired());
  network_->update_pairing();
  network_.reset();
  pass_time();
  EXPECT_TRUE(kept_.empty());
}

TEST(ReachableFromNetwork, LoopbackIsNot) {
  for (const char* host : {"127.0.0.1", "127.0.1.1", "::1", "localhost"}) EXPECT_FALSE(reachable_from_network(host));
  for (const char* host : {"0.0.0.0", "::", "192.168.0.7", "fd77::1"}) EXPECT_TRUE(reachable_from_network(host));
}

}  // namespace
}  // namespace exogpu::node
