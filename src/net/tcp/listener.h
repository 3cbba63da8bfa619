// Where other nodes connect to this node, and newcomers ask to join.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/channel.h"
#include "net/session.h"
#include "net/tcp/join.h"
#include "security/tls.h"

namespace exogpu::net {

struct ListenOptions {
  std::string address{};         // empty: all of this machine
  uint16_t port = 0;             // 0: any free port
  size_t greeting_at_once = 64;  // connections that are not channels yet; more wait in the system's queue
  Duration handshake_max = std::chrono::seconds(5);
  ChannelOptions channel{};
};

struct ListenHandler {
  // A node has connected. The handler must start the channel in this call.
  std::function<void(std::unique_ptr<Channel>)> on_channel;
  // A connection was refused or closed before the hellos were exchanged; the message names the address.
  std::function<void(const Error&)> on_refused;
  // May be empty; see open_tcp_channel().
  std::function<Result<void>(wire::NodeId)> admits;
  // A node that was admitted connected as the member of a group. Without this, such connections are refused.
  std::function<void(TlsStream, wire::NodeId)> on_member{};
};

// One thread, that of `executor`. The destructor closes the listener; channels stay open.
class Listener {
 public:
  // `join` answers newcomers; without it they are refused. It must outlive the listener.
  // Errors: invalid_argument (no such address), already_exists (the port is taken), permission_denied, io_error.
  static Result<Listener> open(const boost::asio::any_io_executor& executor, const security::TlsContext& tls,
                               const LinkSelf& self, ListenOptions options, ListenHandler handler,
                               JoinServer* join = nullptr);
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) noexcept;
  ~Listener();

  uint16_t port() const;

 private:
  struct Impl;
  explicit Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace exogpu::net
