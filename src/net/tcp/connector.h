// Connects a node to another.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/backoff.h"
#include "net/channel.h"
#include "net/session.h"
#include "net/tcp/tls_stream.h"
#include "security/tls.h"

namespace exogpu::net {

struct ConnectOptions {
  std::string host{};  // a name or an address
  uint16_t port = 0;
  std::optional<wire::NodeId> expected{};          // any other node is refused
  Duration attempt_max = std::chrono::seconds(5);  // for the connection, and as long again for the handshake
  BackoffOptions backoff{};
  ChannelOptions channel{};
};

// The owner of an attempt in progress; its destructor cancels the attempt, and `done` is not called.
class Connecting {
 public:
  Connecting() = default;
  ~Connecting() { cancel(); }
  Connecting(Connecting&&) noexcept = default;
  Connecting& operator=(Connecting&& other) noexcept {
    cancel();
    attempt_ = std::move(other.attempt_);
    return *this;
  }
  void cancel();
  struct Attempt;
  explicit Connecting(std::shared_ptr<Attempt> attempt) : attempt_(std::move(attempt)) {}

 private:
  std::shared_ptr<Attempt> attempt_;
};

// Opens a channel. Retries if nothing answers or the connection is lost, but not if one end refuses the other. `done`
// is called once, later, on `executor`, whose thread is the channel's.
// Errors: unavailable, deadline_exceeded, unauthenticated, unsupported, of the last attempt.
[[nodiscard]] Connecting connect(const boost::asio::any_io_executor& executor, const security::TlsContext& tls,
                                 const LinkSelf& self, ConnectOptions options,
                                 std::function<void(Result<std::unique_ptr<Channel>>)> done);

// Makes one attempt at a TCP connection, to any of the addresses of `host`.
void connect_socket(const boost::asio::any_io_executor& executor, std::string host, uint16_t port, Duration within,
                    std::function<void(Result<TlsStream::Socket>)> done);

}  // namespace exogpu::net
