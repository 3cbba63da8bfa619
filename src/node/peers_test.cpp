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
  std::optional<std::span<std::byte>> receive_buffer(wire::NodeId, const wire::FrameHeader&) override { return {}; }
  void on_frame(wire::NodeId, const wire::FrameHeader&, std::span<const std::byte>) override {}
  void on_abandoned(wire::NodeId, const wire::FrameHeader&) override {}
  void on_writable(wire::NodeId, net::Lane) override {}
  void on_second_identity(wire::NodeId node, const std::string&) override { refused.push_back(node); }
  void on_identity_in_use(const Error& why) override { in_use.push_back(why.message); }
  std::vector<wire::NodeId> up, down, refused;
  std::vector<std::string> in_use;
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
  peers.keep_connected(member(b, rude.local_endpoint().port()));
  run_until(io, [&] { return called.size() >= 6; });
  for (size_t i = 1; i < called.size(); ++i) {
    const auto least = std::min(20ms * (1 << (i - 1)), 80ms) / 2;
    EXPECT_GE(called[i] - called[i - 1], least) << "attempt " << i;
  }
}

TEST_F(PeersTest, ANodeThatHasLeftIsGivenUpAndMayReturn) {
  uint16_t closed = 0;
  {
    const boost::asio::ip::tcp::acceptor gone(io, {boost::asio::ip::address_v4::loopback(), 0});
    closed = gone.local_endpoint().port();
  }
  Peers peers(io.get_executor(), a.tls, a.self, quick(), handler);
  peers.keep_connected(member(b, closed));
  peers.let_go_but({member(a, 1), member(b, closed)});
  EXPECT_GT(io.run_for(150ms), 0U);
  EXPECT_FALSE(io.stopped()) << "it is given up, although it is still a member";
  peers.let_go_but({member(a, 1)});
  io.restart();
  io.run();  // ends when nothing is tried any more
  EXPECT_TRUE(handler.up.empty());
  // It is named again.
  b.listen();
  peers.keep_connected(member(b, b.listener->port()));
  run_until(io, [&] { return !handler.up.empty(); });
  EXPECT_EQ(handler.up, std::vector{b.identity.node()});
}

// As the network reports it, address by address.
TEST_F(PeersTest, NewsOfAnAddressDoNotEndAnAttempt) {
  b.listen();
  Peers peers(io.get_executor(), a.tls, a.self, quick(), handler);
  wire::Member it = member(b, b.listener->port());
  peers.keep_connected(it);
  for (int news = 0; !peers.connected(b.identity.node()); ++news) {
    ASSERT_LT(news, 100'000);
    it.addresses = {"127.0.0.1", std::format("127.0.0.{}", 2 + news % 2)};
    peers.keep_connected(it);
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

TEST_F(PeersTest, ACallByHandSaysWhoIsThereOrWhyNobodyIs) {
  b.listen();
  Peers peers(io.get_executor(), a.tls, a.self, quick(), handler);
  std::vector<Result<wire::NodeId>> ends;
  const auto done = [&](Result<wire::NodeId> end) { ends.push_back(std::move(end)); };
  peers.call("127.0.0.1", b.listener->port(), done);
  run_until(io, [&] { return !ends.empty() && peers.connected(b.identity.node()); });
  EXPECT_EQ(ends[0].value(), b.identity.node());
  const uint16_t port = b.listener->port();
  b.listener.reset();
  peers.call("127.0.0.1", port, done);
  run_until(io, [&] { return ends.size() == 2; });
  EXPECT_EQ(ends[1].error().code, ErrorCode::unavailable) << ends[1].error().message;
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

// Two processes with the identity of `b` call `a`.
class OneIdentityTwice : public PeersTest {
 protected:
  OneIdentityTwice() {
    twin.tls = security::TlsContext::for_node(b.identity).value();
    twin.self = b.self;
    ++twin.self.incarnation;
    auto opened = net::Listener::open(
        io.get_executor(), a.tls, a.self, {.address = "127.0.0.1", .port = 0, .channel = net::testing::patient()},
        {.on_channel = [this](std::unique_ptr<net::Channel> channel) { peers.accept(std::move(channel)); },
         .on_refused = [this](const Error& why) { peers.accept_failed(why); },
         .admits = {}});
    a.listener.emplace(*std::move(opened));
  }
  std::unique_ptr<net::Channel> call(TcpNode& from) {
    auto channel = from.connect(from.to(a));
    EXPECT_TRUE(channel);
    return *std::move(channel);
  }

  TcpNode twin{io, authority};
  Peers peers{io.get_executor(), a.tls, a.self, quick(), handler};
};

TEST_F(OneIdentityTwice, TheLaterIsRefusedWithTheReason) {
  const auto earlier = call(b);
  earlier->start(b.recorder);
  run_until(io, [&] { return !handler.up.empty(); });
  const auto later = call(twin);
  later->start(twin.recorder);
  run_until(io, [&] { return !twin.recorder.closed.empty(); });
  EXPECT_EQ(twin.recorder.closed.front().code, ErrorCode::already_exists);
  EXPECT_EQ(handler.refused, std::vector{b.identity.node()});
  EXPECT_EQ(handler.up.size(), 1U);
  EXPECT_TRUE(handler.down.empty());
  EXPECT_TRUE(b.recorder.closed.empty());
}

TEST_F(OneIdentityTwice, ARestartIsLetInAlthoughTheDeadProcesssChannelIsOpenYet) {
  const auto earlier = call(b);  // never started, so it answers nothing
  run_until(io, [&] { return !handler.up.empty(); });
  const auto begun = std::chrono::steady_clock::now();
  const auto later = call(twin);
  later->start(twin.recorder);
  run_until(io, [&] { return handler.up.size() == 2; });
  EXPECT_GE(std::chrono::steady_clock::now() - begun, net::kIdentityProbeMax);
  EXPECT_EQ(handler.down.size(), 1U);
  EXPECT_TRUE(handler.refused.empty());
  EXPECT_TRUE(twin.recorder.closed.empty());
}

TEST_F(OneIdentityTwice, ARestartIsLetInWhenTheDeadProcesssChannelEnds) {
  auto earlier = call(b);
  run_until(io, [&] { return !handler.up.empty(); });
  const auto later = call(twin);
  later->start(twin.recorder);
  earlier.reset();
  run_until(io, [&] { return handler.up.size() == 2; });
  EXPECT_EQ(handler.down.size(), 1U);
  EXPECT_TRUE(handler.refused.empty());
}

TEST_F(OneIdentityTwice, TheOneThatIsRefusedTriesNoMore) {
  const auto earlier = call(b);
  earlier->start(b.recorder);
  run_until(io, [&] { return !handler.up.empty(); });
  Handler twins_handler;
  Peers twins(io.get_executor(), twin.tls, twin.self, quick(), twins_handler);
  twins.dial("127.0.0.1", a.listener->port(), [](const Error&) {});
  run_until(io, [&] { return !twins_handler.in_use.empty(); });
  io.restart();
  io.run_for(300ms);
  EXPECT_EQ(twins_handler.up.size(), 1U);
  EXPECT_EQ(twins_handler.in_use.size(), 1U);
  EXPECT_EQ(handler.refused.size(), 1U);
}

TEST_F(OneIdentityTwice, ANodeThatMeetsItselfInAnotherProcessStaysOut) {
  Handler twins_handler;
  twin.tls = security::TlsContext::for_node(a.identity).value();
  twin.self = a.self;
  ++twin.self.incarnation;
  Peers twins(io.get_executor(), twin.tls, twin.self, quick(), twins_handler);
  twins.dial("127.0.0.1", a.listener->port(), [](const Error&) {});
  run_until(io, [&] { return !twins_handler.in_use.empty() && !handler.refused.empty(); });
  EXPECT_NE(twins_handler.in_use.front().find("another process has this node's identity"), std::string::npos);
  EXPECT_EQ(handler.refused, std::vector{a.identity.node()});
}

}  // namespace
}  // namespace exogpu::node
