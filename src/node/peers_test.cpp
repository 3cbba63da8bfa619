// Channels that are opened again, over real sockets.
#include "node/peers.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <format>

#include "net/testing/tcp_node.h"

namespace exogpu::node {
namespace {

using namespace std::chrono_literals;
using net::testing::run_until;
using net::testing::TcpNode;

struct Handler final : PeerHandler {
  void on_up(wire::NodeId peer) override { up.push_back(peer); }
  void on_down(wire::NodeId peer, const Error&) override { down.push_back(peer); }
  std::optional<std::span<std::byte>> place(wire::NodeId, const wire::FrameHeader&) override { return {}; }
  void on_frame(wire::NodeId, const wire::FrameHeader&, std::span<const std::byte>) override {}
  void on_abandoned(wire::NodeId, const wire::FrameHeader&) override {}
  void on_room(wire::NodeId, net::Lane) override {}
  std::vector<wire::NodeId> up, down;
};

class PeersTest : public ::testing::Test {
 protected:
  PeersOptions quick() const {
    return {
        .channel = net::testing::patient(), .retry = {.attempts = 0, .first = 20ms, .most = 80ms}, .forget_after = 0s};
  }
  wire::Member member(const TcpNode& node, uint16_t port) const {
    return {.node = node.identity.node(), .name = "b", .addresses = {"127.0.0.1"}, .link_port = port, .api_url = ""};
  }

  boost::asio::io_context io;
  security::Authority authority = security::Authority::create(net::testing::now_of_the_wall()).value();
  TcpNode a{io, authority}, b{io, authority};
  Handler handler;
};

// A port where somebody hangs up at once.
TEST_F(PeersTest, WaitsLongerAfterEachAttemptThatFails) {
  boost::asio::ip::tcp::acceptor rude(io, {boost::asio::ip::address_v4::loopback(), 0});
  std::vector<net::SteadyTime> called;
  std::function<void()> hang_up = [&] {
    rude.async_accept([&](const boost::system::error_code& failed, const boost::asio::ip::tcp::socket&) {
      if (failed) return;
      called.push_back(std::chrono::steady_clock::now());
      hang_up();
    });
  };
  hang_up();
  Peers peers(io.get_executor(), a.tls, a.self, quick(), handler);
  peers.keep(member(b, rude.local_endpoint().port()));
  run_until(io, [&] { return called.size() >= 6; });
  for (size_t i = 1; i < called.size(); ++i) {
    const auto least = std::min(20ms * (1 << (i - 1)), 80ms) / 2;
    EXPECT_GE(called[i] - called[i - 1], least) << "attempt " << i;
  }
}

TEST_F(PeersTest, OneWhoHasLeftIsGivenUpAndMayComeBack) {
  uint16_t closed = 0;
  {
    const boost::asio::ip::tcp::acceptor gone(io, {boost::asio::ip::address_v4::loopback(), 0});
    closed = gone.local_endpoint().port();
  }
  Peers peers(io.get_executor(), a.tls, a.self, quick(), handler);
  peers.keep(member(b, closed));
  peers.let_go_but({member(a, 1), member(b, closed)});
  EXPECT_GT(io.run_for(150ms), 0U);
  EXPECT_FALSE(io.stopped()) << "it is given up, although it is still a member";
  peers.let_go_but({member(a, 1)});
  io.restart();
  io.run();  // ends when nothing is tried any more
  EXPECT_TRUE(handler.up.empty());
  // It is named again.
  b.listen();
  peers.keep(member(b, b.listener->port()));
  run_until(io, [&] { return !handler.up.empty(); });
  EXPECT_EQ(handler.up, std::vector{b.identity.node()});
}

// As the network tells of it, address by address.
TEST_F(PeersTest, NewsOfAnAddressDoNotEndAnAttempt) {
  b.listen();
  Peers peers(io.get_executor(), a.tls, a.self, quick(), handler);
  wire::Member it = member(b, b.listener->port());
  peers.keep(it);
  for (int news = 0; !peers.connected(b.identity.node()); ++news) {
    ASSERT_LT(news, 100'000);
    it.addresses = {"127.0.0.1", std::format("127.0.0.{}", 2 + news % 2)};
    peers.keep(it);
    io.restart();
    io.run_one_for(10ms);
  }
  run_until(io, [&] { return b.accepted != nullptr; });
  io.restart();
  io.run_for(100ms);
  EXPECT_TRUE(b.refused.empty()) << b.refused.front().message;
  EXPECT_TRUE(handler.down.empty());
  EXPECT_EQ(handler.up.size(), 1);
}

TEST_F(PeersTest, ALostChannelIsOpenedAgain) {
  b.listen();
  Peers peers(io.get_executor(), a.tls, a.self, quick(), handler);
  peers.dial("127.0.0.1", b.listener->port(), [](const Error&) {});
  run_until(io, [&] { return peers.connected(b.identity.node()) && b.accepted; });
  peers.let_go_but({});  // means nothing for one whose address was given
  b.accepted.reset();
  run_until(io, [&] { return handler.up.size() == 2; });
  EXPECT_EQ(handler.down, std::vector{b.identity.node()});
}

}  // namespace
}  // namespace exogpu::node
