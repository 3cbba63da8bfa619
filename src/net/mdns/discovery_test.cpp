#include "net/mdns/discovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <random>

#include "net/testing/hosts.h"

namespace exogpu::net {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

const wire::ClusterId kOurs(std::array<uint8_t, 16>{1});
const wire::ClusterId kTheirs(std::array<uint8_t, 16>{2});

// Other tests may run on the same loopback interface.
wire::NodeId random_node() {
  std::random_device entropy;
  std::array<uint8_t, 16> bytes{};
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(entropy());
  return wire::NodeId(bytes);
}

// The reports that one node receives.
//
// On a shared loopback it also receives those of tests that run in other processes: their nodes, and their errors. So
// each test looks for its own nodes, by their random ids.
struct Reports {
  DiscoveryHandler handler() {
    return {.on_found =
                [this](const DiscoveredNode& node) {
                  ++found;
                  nodes[node.announcement.node] = node;
                },
            .on_changed =
                [this](const DiscoveredNode& node) {
                  ++changed;
                  nodes[node.announcement.node] = node;
                },
            .on_gone = [this](wire::NodeId node) { nodes.erase(node); },
            .on_trouble = [this](const Error& why) { troubles.push_back(why); }};
  }
  const DiscoveredNode* of(const Announcement& announcement) const {
    const auto at = nodes.find(announcement.node);
    return at != nodes.end() && at->second.announcement == announcement ? &at->second : nullptr;
  }
  // The first trouble with all of these words in it.
  const Error* trouble(std::initializer_list<std::string> words) const {
    const auto at = std::ranges::find_if(troubles, [&](const Error& why) {
      return std::ranges::all_of(words, [&](const std::string& word) { return why.message.contains(word); });
    });
    return at == troubles.end() ? nullptr : &*at;
  }
  std::map<wire::NodeId, DiscoveredNode> nodes;
  int found = 0, changed = 0;
  std::vector<Error> troubles;
};

// Counts what it is given to run.
struct CountingExecutor {
  boost::asio::any_io_executor inner;
  std::atomic<int>* count;

  template <typename Task>
  void execute(Task&& task) const {
    ++*count;
    inner.execute(std::forward<Task>(task));
  }
  boost::asio::execution_context& query(boost::asio::execution::context_t) const { return inner.context(); }
  CountingExecutor require(boost::asio::execution::blocking_t::never_t never) const {
    return {boost::asio::require(inner, never), count};
  }
  friend bool operator==(const CountingExecutor&, const CountingExecutor&) = default;
};

class DiscoveryOnAWire : public ::testing::Test {
 protected:
  static constexpr int kHosts = 3;

  Announcement node(const std::string& name, wire::ClusterId cluster = kOurs) {
    return {.node = random_node(), .name = name, .version = "0.1.0", .cluster = cluster, .port = 7766};
  }

  std::unique_ptr<Discovery> start(int host, const std::optional<Announcement>& own, Reports& reports) {
    return start(host, own, reports, io_.get_executor());
  }
  std::unique_ptr<Discovery> start(int host, const std::optional<Announcement>& own, Reports& reports,
                                   const boost::asio::any_io_executor& executor) {
    std::unique_ptr<Discovery> started;
    hosts_.on(host, [&] {
      auto result = Discovery::start(executor, own, reports.handler(), {.loopback = !hosts_.separate()});
      if (!result) {
        ADD_FAILURE() << result.error().message;
      } else {
        started = *std::move(result);
      }
    });
    return started;
  }

  // Returns how long it took.
  template <typename Ready>
  milliseconds run_until(Ready ready) {
    const auto begun = Clock::now();
    while (!ready()) {
      if (Clock::now() - begun > std::chrono::seconds(30)) {
        ADD_FAILURE() << "not in 30 s";
        break;
      }
      io_.run_one_for(milliseconds(10));
    }
    return std::chrono::duration_cast<milliseconds>(Clock::now() - begun);
  }

  testing::Hosts hosts_{kHosts};
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> waits_{io_.get_executor()};
};

// A loaded machine may be late once, but not each time.
TEST_F(DiscoveryOnAWire, NodesAppearAndTakeTheirLeaveWithinTwoSeconds) {
  milliseconds appeared = milliseconds::max();
  milliseconds left = milliseconds::max();
  for (int attempt = 0; attempt < 3 && (appeared > milliseconds(2000) || left > milliseconds(2000)); ++attempt) {
    const std::array announced{node("a"), node("b"), node("c", kTheirs)};
    std::array<Reports, kHosts> reports;
    std::array<std::unique_ptr<Discovery>, kHosts> discoveries;
    const auto begun = Clock::now();
    for (int i = 0; i < kHosts; ++i) discoveries[i] = start(i + 1, announced[i], reports[i]);
    run_until([&] {
      for (int i = 0; i < kHosts; ++i) {
        for (int j = 0; j < kHosts; ++j) {
          if (i != j && !reports[i].of(announced[j])) return false;
        }
      }
      return true;
    });
    appeared = std::min(appeared, std::chrono::duration_cast<milliseconds>(Clock::now() - begun));
    for (int i = 0; i < kHosts; ++i) {
      EXPECT_FALSE(reports[i].nodes.contains(announced[i].node)) << "it reports itself";
      EXPECT_FALSE(reports[i].trouble({announced[i].node.short_text()})) << reports[i].troubles.front().message;
      EXPECT_TRUE(!hosts_.separate() || reports[i].troubles.empty()) << reports[i].troubles.front().message;
    }
    EXPECT_EQ(reports[0].nodes.at(announced[1].node).announcement.cluster, kOurs);
    EXPECT_EQ(reports[0].nodes.at(announced[2].node).announcement.cluster, kTheirs);

    discoveries[1].reset();
    const auto took = run_until(
        [&] { return !reports[0].nodes.contains(announced[1].node) && !reports[2].nodes.contains(announced[1].node); });
    left = std::min(left, took);
    EXPECT_TRUE(reports[0].of(announced[2]));
  }
  std::printf("appeared in %lld ms, left in %lld ms\n", static_cast<long long>(appeared.count()),
              static_cast<long long>(left.count()));
  EXPECT_LE(appeared, milliseconds(2000));
  EXPECT_LE(left, milliseconds(2000));
}

TEST_F(DiscoveryOnAWire, AllAddressesOfAHostAreFoundAsTheyCome) {
  const auto b = node("b");
  Reports reports, ignored;
  const auto listens = start(1, std::nullopt, reports);
  const auto announces = start(2, b, ignored);
  std::vector<std::string> expected{"127.0.0.1", "::1"};
  if (hosts_.separate()) expected = {"10.77.0.2", "fd77::2", "fe80::2%eth0"};
  const auto found = [&] { return reports.of(b) ? reports.of(b)->addresses : std::vector<std::string>(); };
  if (!hosts_.separate()) {  // the loopback interface may have no IPv6
    run_until([&] { return !found().empty(); });
    ASSERT_FALSE(found().empty());
    EXPECT_TRUE(std::ranges::contains(expected, found().front())) << found().front();
    return;
  }
  run_until([&] { return found() == expected; });
  ASSERT_TRUE(hosts_.ip(2, "addr add 10.78.0.2/24 dev eth0"));
  run_until([&] { return std::ranges::contains(found(), "10.78.0.2"); });
  ASSERT_TRUE(hosts_.ip(2, "addr del 10.77.0.2/24 dev eth0"));
  run_until([&] { return !std::ranges::contains(found(), "10.77.0.2"); });
  EXPECT_EQ(reports.found, 1);
}

TEST_F(DiscoveryOnAWire, AnAnnouncementMayChange) {
  auto b = node("b");
  Reports reports, ignored;
  const auto listens = start(1, node("a"), reports);
  const auto announces = start(2, b, ignored);
  run_until([&] { return reports.of(b); });
  b.pairing = wire::CodeFrom::newcomer;
  announces->announce(b);
  run_until([&] { return reports.of(b); });
  b.port = 7777;
  b.cluster = kTheirs;
  announces->announce(b);
  run_until([&] { return reports.of(b); });
  EXPECT_GE(reports.changed, 1);
}

TEST_F(DiscoveryOnAWire, ANodeThatComesBackElsewhereIsFoundThere) {
  const auto b = node("b");
  Reports reports, ignored;
  const auto listens = start(1, node("a"), reports);
  auto announces = start(2, b, ignored);
  run_until([&] { return reports.of(b); });
  announces.reset();
  announces = start(3, b, ignored);
  run_until([&] {
    return reports.of(b) &&
           (!hosts_.separate() ||
            std::ranges::equal(reports.of(b)->addresses, std::array{"10.77.0.3", "fd77::3", "fe80::3%eth0"}));
  });
}

TEST_F(DiscoveryOnAWire, AnInvalidAnnouncementIsReportedOnce) {
  auto bad = node("\x1b[2J");
  const auto good = node("good");
  Reports reports, ignored;
  const auto listens = start(1, node("a"), reports);
  const auto announces = start(2, bad, ignored);
  run_until([&] { return reports.trouble({"name"}); });
  const auto other = start(3, good, ignored);
  run_until([&] { return reports.of(good); });
  EXPECT_FALSE(reports.nodes.contains(bad.node));
}

TEST_F(DiscoveryOnAWire, TwoDevicesWithOneIdAreReported) {
  const auto first = node("first");
  auto second = first;
  second.name = "second";
  second.port = 7777;
  Reports one, two;
  const auto before = start(1, first, one);
  Reports other;
  const auto listens = start(3, std::nullopt, other);
  run_until([&] { return other.of(first); });
  const auto after = start(2, second, two);
  const std::string id = first.node.short_text();
  run_until([&] { return one.trouble({id, "state folder"}) || two.trouble({id, "state folder"}); });
}

TEST_F(DiscoveryOnAWire, NothingIsReportedAfterTheEnd) {
  const auto b = node("b");
  Reports reports, ignored;
  boost::asio::io_context later;  // runs nothing until the listener is gone
  std::atomic<int> posted = 0;
  auto listens = start(1, node("a"), reports, CountingExecutor{later.get_executor(), &posted});
  const auto announces = start(2, b, ignored);
  run_until([&] { return posted > 0; });
  listens.reset();
  EXPECT_GT(later.run(), 0U) << "reports waited";
  EXPECT_EQ(reports.found, 0);
  EXPECT_EQ(reports.changed, 0);
  EXPECT_TRUE(reports.troubles.empty());
}

}  // namespace
}  // namespace exogpu::net
