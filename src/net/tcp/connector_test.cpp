// Which peers are admitted, on real sockets.
#include "net/tcp/connector.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <boost/asio/write.hpp>
#include <cstring>

#include "net/tcp/tcp_channel.h"
#include "net/testing/tcp_node.h"

namespace exogpu::net {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class Connections : public ::testing::Test {
 protected:
  void expect_refused(const Result<std::unique_ptr<Channel>>& result, ErrorCode code, std::string_view words) {
    ASSERT_FALSE(result) << "accepted, but expected: " << words;
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_TRUE(result.error().message.contains(words)) << result.error().message;
  }
  void expect_refused(TcpNode& node, ErrorCode code, std::string_view words) {
    run_until(io_, [&] { return !node.refused.empty(); });
    ASSERT_FALSE(node.refused.empty());
    EXPECT_EQ(node.refused.back().code, code) << node.refused.back().message;
    EXPECT_TRUE(node.refused.back().message.contains(words)) << node.refused.back().message;
    EXPECT_TRUE(node.refused.back().message.contains("127.0.0.1:")) << node.refused.back().message;
    EXPECT_FALSE(node.accepted);
  }

  boost::asio::io_context io_;
  security::Authority authority_ = security::Authority::create(now_of_the_wall()).value();
  TcpNode a_{io_, authority_}, b_{io_, authority_};
};

TEST_F(Connections, ANodeOfAnotherClusterIsRefusedByBoth) {
  b_.listen();
  TcpNode stranger(io_, security::Authority::create(now_of_the_wall()).value());
  expect_refused(stranger.connect(stranger.to(b_)), ErrorCode::unauthenticated,
                 "its certificate belongs to another cluster");
  expect_refused(b_, ErrorCode::unauthenticated, "refuses this node's certificate");
}

TEST_F(Connections, AClientWithoutACertificateIsRefused) {
  b_.listen();
  security::Openssl<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  security::Openssl<SSL> tls(SSL_new(context.get()));
  SSL_set_connect_state(tls.get());
  SSL_set_alpn_protos(tls.get(),
                      reinterpret_cast<const unsigned char*>("\x0b"
                                                             "exogpu-link"),
                      12);
  connect_socket(io_.get_executor(), "127.0.0.1", b_.listener->port(), 30s, [&](Result<TlsStream::Socket> socket) {
    ASSERT_TRUE(socket);
    shake_hands(TlsStream::make(*std::move(socket), std::move(tls), "the test").value(), 30s,
                [](const Result<TlsStream>&) {});
  });
  expect_refused(b_, ErrorCode::unauthenticated, "it has no certificate");
}

TEST_F(Connections, SomethingThatIsNotTlsIsRefused) {
  b_.listen();
  std::optional<TlsStream::Socket> browser;
  connect_socket(io_.get_executor(), "127.0.0.1", b_.listener->port(), 30s, [&](Result<TlsStream::Socket> socket) {
    ASSERT_TRUE(socket);
    browser.emplace(*std::move(socket));
    boost::asio::write(*browser, boost::asio::buffer(std::string_view("GET / HTTP/1.1\r\nHost: node\r\n\r\n")));
  });
  expect_refused(b_, ErrorCode::corrupt, "it does not speak TLS");
}

TEST_F(Connections, AClientThatConnectsAndSendsNothingIsDropped) {
  b_.listen(nullptr, 100ms);
  std::optional<TlsStream::Socket> silent;
  connect_socket(io_.get_executor(), "127.0.0.1", b_.listener->port(), 30s, [&](Result<TlsStream::Socket> socket) {
    ASSERT_TRUE(socket);
    silent.emplace(*std::move(socket));
  });
  expect_refused(b_, ErrorCode::deadline_exceeded, "did not finish the handshake in time");
}

TEST_F(Connections, NodesWithoutACommonVersionNameBothOnBothSides) {
  b_.self.versions = {.program = "8.1.0", .protocol_min = 906, .protocol_max = 908};
  b_.listen();
  const std::string own = "exogpu " + wire::own_versions().program + " (protocol ";
  const auto channel = a_.connect(a_.to(b_));
  expect_refused(channel, ErrorCode::unsupported, own);
  expect_refused(channel, ErrorCode::unsupported, "exogpu 8.1.0 (protocols 906 to 908)");
  expect_refused(b_, ErrorCode::unsupported, own);
  expect_refused(b_, ErrorCode::unsupported, "exogpu 8.1.0 (protocols 906 to 908)");
}

TEST_F(Connections, AnotherNodeThanTheExpectedOneIsRefused) {
  b_.listen();
  auto options = a_.to(b_);
  options.expected = a_.identity.node();
  expect_refused(a_.connect(options), ErrorCode::unauthenticated, "expected node " + a_.identity.node().short_text());
  expect_refused(b_, ErrorCode::unauthenticated, "expected node");
  options.expected = b_.identity.node();
  EXPECT_TRUE(a_.connect(options));
}

TEST_F(Connections, ANodeThatTheClusterSentAwayIsRefused) {
  b_.admits = [](wire::NodeId) -> Result<void> {
    return fail(ErrorCode::permission_denied, "this node was removed from the cluster");
  };
  b_.listen();
  expect_refused(a_.connect(a_.to(b_)), ErrorCode::permission_denied, "was removed from the cluster");
  expect_refused(b_, ErrorCode::permission_denied, "was removed from the cluster");
}

TEST_F(Connections, RetriesUntilANodeAnswersButNotForever) {
  // A port that stays free for a while.
  b_.listen();
  auto options = a_.to(b_);
  b_.listener.reset();
  options.backoff = {.attempts = 3, .first = 10ms, .most = 20ms};
  expect_refused(a_.connect(options), ErrorCode::unavailable, "cannot be reached: Connection refused");

  options.backoff = {.attempts = 1000, .first = 10ms, .most = 20ms};
  std::optional<Result<std::unique_ptr<Channel>>> result;
  auto connecting = connect(io_.get_executor(), a_.tls, a_.self, options,
                            [&](Result<std::unique_ptr<Channel>> channel) { result = std::move(channel); });
  run_until(io_,
            [&, end = std::chrono::steady_clock::now() + 100ms] { return std::chrono::steady_clock::now() > end; });
  EXPECT_FALSE(result);
  auto reopened = Listener::open(
      io_.get_executor(), b_.tls, b_.self, {.address = "127.0.0.1", .port = options.port, .channel = patient()},
      {.on_channel = [&](std::unique_ptr<Channel> channel) { b_.accepted = std::move(channel); },
       .on_refused = {},
       .admits = {}});
  ASSERT_TRUE(reopened) << reopened.error().message;
  run_until(io_, [&] { return result.has_value(); });
  ASSERT_TRUE(*result) << result->error().message;
  EXPECT_EQ((**result)->peer().node, b_.identity.node());
}

TEST_F(Connections, AnAttemptThatIsGivenUpNeverCallsBack) {
  b_.listen();
  bool called = false;
  {
    auto connecting = connect(io_.get_executor(), a_.tls, a_.self, a_.to(b_),
                              [&](const Result<std::unique_ptr<Channel>>&) { called = true; });
    io_.run_one_for(1s);
  }
  run_until(io_,
            [&, end = std::chrono::steady_clock::now() + 300ms] { return std::chrono::steady_clock::now() > end; });
  EXPECT_FALSE(called);
}

TEST_F(Connections, ListeningOnATakenPortOrNoAddressSaysSo) {
  b_.listen();
  auto open = [&](std::string address, uint16_t port) {
    return Listener::open(io_.get_executor(), a_.tls, a_.self, {.address = std::move(address), .port = port}, {});
  };
  const auto taken = open("127.0.0.1", b_.listener->port());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::already_exists);
  EXPECT_TRUE(taken.error().message.contains("in use by another program; choose another port"));
  EXPECT_EQ(open("here", 0).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(open("", 0)) << "all addresses";
}

}  // namespace
}  // namespace exogpu::net
