// Nodes on this machine's loopback interface, for tests.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "net/tcp/connector.h"
#include "net/tcp/listener.h"
#include "net/testing/recorder.h"

namespace exogpu::net::testing {

// Long limits, so that a loaded machine does not lose a peer.
inline ChannelOptions patient() {
  ChannelOptions options;
  options.silence_max = std::chrono::seconds(30);
  options.greeting_max = std::chrono::seconds(30);
  return options;
}

inline security::WallTime now_of_the_wall() { return std::chrono::system_clock::now(); }

// Runs until `ready`, or fails after a minute.
template <typename Ready>
void run_until(boost::asio::io_context& io, Ready ready) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  io.restart();
  while (!ready()) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "nothing happens any more";
    io.run_one_for(std::chrono::milliseconds(100));
    if (io.stopped()) io.restart();
  }
}

// A node with an identity, a listener and connections.
struct TcpNode {
  TcpNode(boost::asio::io_context& context, const security::Authority& authority)
      : io(context),
        identity(security::Identity::issue(authority, now_of_the_wall()).value()),
        tls(security::TlsContext::for_node(identity).value()),
        self{.versions = wire::own_versions(),
             .node = identity.node(),
             .cluster = identity.cluster(),
             .incarnation = 5} {}

  void listen(JoinServer* join = nullptr, Duration handshake_max = std::chrono::seconds(30)) {
    ListenOptions options{.address = "127.0.0.1", .handshake_max = handshake_max, .channel = patient()};
    auto opened = Listener::open(io.get_executor(), tls, self, options,
                                 {.on_channel =
                                      [this](std::unique_ptr<Channel> channel) {
                                        accepted = std::move(channel);
                                        accepted->start(recorder);
                                      },
                                  .on_refused = [this](const Error& error) { refused.push_back(error); },
                                  .admits = admits},
                                 join);
    ASSERT_TRUE(opened) << opened.error().message;
    listener.emplace(*std::move(opened));
  }

  // Options for one attempt.
  ConnectOptions to(const TcpNode& other) const {
    return {.host = "127.0.0.1",
            .port = other.listener->port(),
            .expected = std::nullopt,
            .attempt_max = std::chrono::seconds(30),
            .backoff = {.attempts = 1},
            .channel = patient()};
  }
  Result<std::unique_ptr<Channel>> connect(ConnectOptions options) {
    std::optional<Result<std::unique_ptr<Channel>>> result;
    auto connecting = net::connect(io.get_executor(), tls, self, std::move(options),
                                   [&](Result<std::unique_ptr<Channel>> channel) { result = std::move(channel); });
    run_until(io, [&] { return result.has_value(); });
    return result ? *std::move(result) : fail(ErrorCode::internal, "the test took too long");
  }

  boost::asio::io_context& io;
  security::Identity identity;
  security::TlsContext tls;
  LinkSelf self;
  std::function<Result<void>(wire::NodeId)> admits;
  Recorder recorder;
  std::optional<Listener> listener;
  std::unique_ptr<Channel> accepted;
  std::vector<Error> refused;
};

}  // namespace exogpu::net::testing
