#include "net/tcp/visit.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <string>
#include <thread>

#include "net/testing/tcp_node.h"

namespace exogpu::net {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using security::Authority;
using security::Identity;

// A node with a thread of its own, since visit() blocks.
class Visiting : public ::testing::Test {
 protected:
  ~Visiting() override { stop(); }
  void run() {
    thread_ = std::jthread([this] { io_.run(); });
  }
  void stop() {
    work_.reset();
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  // Long steps for a loaded machine.
  Visit look(const Identity* self) { return visit("127.0.0.1", node_.listener->port(), self, 30s); }

  Authority authority_ = Authority::create(now_of_the_wall()).value();
  Identity self_ = Identity::issue(authority_, now_of_the_wall()).value();
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ = make_work_guard(io_);
  TcpNode node_{io_, authority_};
  std::jthread thread_;
};

TEST_F(Visiting, ANodeOfTheSameClusterGreetsAndReceivesTheReason) {
  node_.listen();
  run();
  const Visit found = look(&self_);
  EXPECT_EQ(found.reached, Reached::yes);
  ASSERT_TRUE(found.identity && *found.identity) << (*found.identity).error().message;
  EXPECT_EQ((*found.identity)->node, node_.identity.node());
  EXPECT_EQ((*found.identity)->cluster, authority_.cluster());
  EXPECT_LT((*found.identity)->node_valid.from, now_of_the_wall());
  EXPECT_GT((*found.identity)->node_valid.to, now_of_the_wall());
  ASSERT_TRUE(found.hello && *found.hello) << (*found.hello).error().message;
  EXPECT_EQ((*found.hello)->versions, wire::own_versions());
  // The visit did not become a link.
  const auto until = std::chrono::steady_clock::now() + 30s;
  bool refused = false;
  while (!refused && std::chrono::steady_clock::now() < until) {
    std::promise<bool> asked;
    boost::asio::post(io_, [&] { asked.set_value(!node_.refused.empty()); });
    refused = asked.get_future().get();
    std::this_thread::sleep_for(10ms);
  }
  stop();
  EXPECT_EQ(node_.accepted, nullptr);
  ASSERT_EQ(node_.refused.size(), 1);
  EXPECT_TRUE(node_.refused[0].message.contains("only examined")) << node_.refused[0].message;
}

TEST_F(Visiting, WithoutAnIdentityItIsIdentifiedAndNotGreeted) {
  node_.listen();
  run();
  const Visit found = look(nullptr);
  ASSERT_TRUE(found.identity && *found.identity);
  EXPECT_FALSE(found.hello);
}

TEST_F(Visiting, AnotherCluster) {
  node_.listen();
  run();
  const auto other = Authority::create(now_of_the_wall()).value();
  const Identity stranger = Identity::issue(other, now_of_the_wall()).value();
  const Visit found = look(&stranger);
  ASSERT_TRUE(found.identity && *found.identity);
  EXPECT_NE((*found.identity)->cluster, stranger.cluster());
  EXPECT_FALSE(found.hello);
}

TEST_F(Visiting, AnotherVersionIsNamed) {
  node_.self.versions = {.program = "7.3.1", .protocol_min = 900, .protocol_max = 901};
  node_.listen();
  run();
  const Visit found = look(&self_);
  ASSERT_TRUE(found.hello);
  ASSERT_FALSE(*found.hello);
  EXPECT_EQ(found.hello->error().code, ErrorCode::unsupported);
  EXPECT_TRUE(found.hello->error().message.contains("7.3.1")) << found.hello->error().message;
}

TEST_F(Visiting, AClockThatIsWrong) {
  // The cluster's certificate of the node there is valid only from twenty days from now.
  const Identity early = Identity::issue(authority_, now_of_the_wall() + std::chrono::days(20)).value();
  node_.listen();
  run();
  const Visit found = look(&early);
  ASSERT_TRUE(found.identity && *found.identity);
  ASSERT_TRUE(found.hello);
  ASSERT_FALSE(*found.hello);
  EXPECT_EQ(found.hello->error().code, ErrorCode::unauthenticated) << found.hello->error().message;
  const std::string& why = found.hello->error().message;
  EXPECT_TRUE(why.contains(std::format("the certificate of node {} is valid from", early.node().short_text()))) << why;
}

TEST_F(Visiting, WhatIsNoNode) {
  boost::asio::ip::tcp::acceptor acceptor(io_, {boost::asio::ip::address_v4::loopback(), 0});
  const uint16_t port = acceptor.local_endpoint().port();
  std::jthread talker([&] {
    boost::system::error_code ignored;
    auto socket = acceptor.accept(ignored);
    boost::asio::write(socket, boost::asio::buffer(std::string("HTTP/1.1 400 Bad Request\r\n\r\n")), ignored);
    std::array<char, 1024> waste;
    while (!ignored) socket.read_some(boost::asio::buffer(waste), ignored);
  });
  const Visit found = visit("127.0.0.1", port, &self_, 30s);
  EXPECT_EQ(found.reached, Reached::yes);
  ASSERT_TRUE(found.identity);
  ASSERT_FALSE(*found.identity);
  EXPECT_EQ(found.identity->error().code, ErrorCode::corrupt) << found.identity->error().message;
}

TEST_F(Visiting, NoProcessListensThere) {
  boost::asio::ip::tcp::acceptor acceptor(io_, {boost::asio::ip::address_v4::loopback(), 0});
  const uint16_t port = acceptor.local_endpoint().port();
  acceptor.close();
  const Visit found = visit("127.0.0.1", port, &self_, 30s);
  EXPECT_EQ(found.reached, Reached::refused);
  EXPECT_FALSE(found.identity);
}

TEST_F(Visiting, AProcessThatAcceptsAndSendsNothing) {
  boost::asio::ip::tcp::acceptor acceptor(io_, {boost::asio::ip::address_v4::loopback(), 0});
  const Visit found = visit("127.0.0.1", acceptor.local_endpoint().port(), &self_, 200ms);
  ASSERT_TRUE(found.identity);
  ASSERT_FALSE(*found.identity);
  EXPECT_EQ(found.identity->error().code, ErrorCode::deadline_exceeded) << found.identity->error().message;
}

}  // namespace
}  // namespace exogpu::net
