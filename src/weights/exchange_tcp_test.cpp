// Fetches over TLS on this machine's loopback, and a process that is killed in the middle of one.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "net/testing/tcp_node.h"
#include "weights/testing/dispatch.h"

namespace exogpu::weights {
namespace {

using namespace testing;

constexpr Scope kAllLayers{.layers = {0, 6}, .n_layers = 6};

struct Node {
  Node(const security::Authority& authority, std::shared_ptr<WeightCache> cache, const ExchangeOptions& options)
      : tcp(io, authority),
        exchange(
            std::move(cache),
            [this](std::move_only_function<void()> call) {
              boost::asio::post(io, [call = std::move(call)]() mutable { call(); });
            },
            options) {}
  ~Node() { links.clear(); }

  uint16_t listen() {
    auto opened = net::Listener::open(
        io.get_executor(), tcp.tls, tcp.self,
        {.address = "127.0.0.1", .handshake_max = std::chrono::seconds(30), .channel = net::testing::patient()},
        {.on_channel = [this](auto channel) { join(std::move(channel)); },
         .on_refused = [](const Error&) {},
         .admits = {}});
    EXPECT_TRUE(opened) << opened.error().message;
    listener.emplace(*std::move(opened));
    return listener->port();
  }
  void connect(uint16_t port) {
    connecting =
        net::connect(io.get_executor(), tcp.tls, tcp.self,
                     {.host = "127.0.0.1", .port = port, .channel = net::testing::patient()}, [this](auto channel) {
                       ASSERT_TRUE(channel) << channel.error().message;
                       join(*std::move(channel));
                     });
  }
  void join(std::unique_ptr<net::Channel> channel) {
    links.push_back(std::make_unique<Dispatch>(exchange, std::move(channel)));
  }

  boost::asio::io_context io{1};
  net::testing::TcpNode tcp;
  WeightExchange exchange;
  std::vector<std::unique_ptr<Dispatch>> links;
  std::optional<net::Listener> listener;
  net::Connecting connecting;
};

class ExchangeOverTcp : public ::testing::Test {
 protected:
  // Nodes have threads of their own for the channels, as processes would.
  struct Running {
    explicit Running(Node& node_) : node(node_), guard(node_.io.get_executor()), thread([this] { node.io.run(); }) {}
    ~Running() {
      boost::asio::post(node.io, [this] { node.links.clear(), node.listener.reset(), guard.reset(); });
      thread.join();
    }
    Node& node;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard;
    std::thread thread;
  };

  Folder folder_;
  ExampleModel example_{folder_};
  security::Authority authority_ = security::Authority::create(net::testing::now_of_the_wall()).value();
  ExchangeOptions options_{.frame_bytes = 256 * KiB};
};

TEST_F(ExchangeOverTcp, AModelArrivesFromTwoPeers) {
  Node one(authority_, nullptr, options_), other(authority_, nullptr, options_);
  one.exchange.offer(example_.content);
  other.exchange.offer(example_.content);
  const uint16_t one_port = one.listen(), other_port = other.listen();
  Node fetcher(authority_, cache_in(folder_, "cache"), options_);
  Running run_one(one), run_other(other);
  fetcher.connect(one_port);
  net::testing::run_until(fetcher.io, [&] { return fetcher.links.size() == 1; });
  fetcher.connect(other_port);
  net::testing::run_until(fetcher.io, [&] { return fetcher.links.size() == 2; });
  Outcome outcome;
  const auto fetching = fetcher.exchange.fetch(example_.content->id(), kAllLayers, outcome.calls());
  net::testing::run_until(fetcher.io, [&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
  EXPECT_EQ((**outcome.result)->present_bytes(), example_.content->manifest().bytes());
  EXPECT_TRUE((**outcome.result)->verify().value().empty());
  EXPECT_EQ(fetcher.exchange.stats().received_bytes,
            example_.content->manifest().bytes() + example_.content->encoded_manifest().size());
}

// The child fetches; the parent sends, kills it when some has arrived, and does so again with a new child, until one
// reports that it is done. Objects that earlier children completed are not sent again.
TEST_F(ExchangeOverTcp, AFetchOfAKilledProcessIsResumed) {
  const Bytes weights = example_.content->manifest().bytes();
  const auto cache = folder_ / "cache";
  Bytes present = 0;
  int killed = 0;
  bool done = false;
  while (!done) {
    int port_pipe[2], done_pipe[2];
    ASSERT_EQ(::pipe(port_pipe), 0);
    ASSERT_EQ(::pipe(done_pipe), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      uint16_t port = 0;
      if (::read(port_pipe[0], &port, sizeof(port)) != sizeof(port)) _exit(1);
      auto opened = WeightCache::open({.folder = cache});
      if (!opened) _exit(2);
      Node node(authority_, *opened, options_);
      node.connect(port);
      Outcome outcome;
      const auto fetching = node.exchange.fetch(example_.content->id(), kAllLayers, outcome.calls());
      net::testing::run_until(node.io, [&] { return outcome.done(); });
      const char good = outcome.result && *outcome.result ? '1' : '0';
      if (::write(done_pipe[1], &good, 1) != 1) _exit(3);
      while (true) ::pause();
    }
    Node node(authority_, nullptr, options_);
    node.exchange.offer(example_.content);
    const uint16_t port = node.listen();
    ASSERT_EQ(::write(port_pipe[1], &port, sizeof(port)), static_cast<ssize_t>(sizeof(port)));
    ::fcntl(done_pipe[0], F_SETFL, O_NONBLOCK);
    const Bytes enough = killed < 3 ? weights / 5 : weights * 2;  // for this child to be killed
    net::testing::run_until(node.io, [&] {
      char word = 0;
      if (::read(done_pipe[0], &word, 1) == 1) done = word == '1';
      return done || node.exchange.stats().sent_bytes > enough;
    });
    killed += done ? 0 : 1;
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    for (const int fd : {port_pipe[0], port_pipe[1], done_pipe[0], done_pipe[1]}) ::close(fd);
    if (HasFatalFailure()) return;
    const auto model = PartialModel::open(cache / example_.content->id().text(), example_.content->id());
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_TRUE((*model)->verify().value().empty());
    EXPECT_GE((*model)->present_bytes(), present);
    if (done) {
      EXPECT_GT(present, 0u);
      EXPECT_EQ((*model)->present_bytes(), weights);
      EXPECT_EQ(node.exchange.stats().sent_bytes, weights - present) << "only the rest is sent";
    }
    present = (*model)->present_bytes();
  }
  EXPECT_GE(killed, 2);
}

}  // namespace
}  // namespace exogpu::weights
