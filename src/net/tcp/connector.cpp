#include "net/tcp/connector.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "net/tcp/tcp_channel.h"

namespace exogpu::net {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

struct SocketAttempt : std::enable_shared_from_this<SocketAttempt> {
  SocketAttempt(const boost::asio::any_io_executor& executor, std::string name,
                std::function<void(Result<tcp::socket>)> then)
      : resolver(executor), socket(executor), timer(executor), where(std::move(name)), done(std::move(then)) {}

  void begin(const std::string& host, uint16_t port, Duration within) {
    timer.expires_after(within);
    timer.async_wait([self = shared_from_this()](error_code error) {
      if (error) return;
      error_code ignored;
      self->resolver.cancel();
      self->socket.close(ignored);
      self->finish(fail(ErrorCode::deadline_exceeded, "{}: it did not answer in time", self->where));
    });
    error_code error;
    const auto address = boost::asio::ip::make_address(host, error);
    if (!error) {  // `host` is an address and needs no lookup
      addresses.emplace_back(address, port);
      return connect();
    }
    resolver.async_resolve(host, std::to_string(port),
                           [self = shared_from_this()](error_code failed, const tcp::resolver::results_type& found) {
                             if (!self->done) return;
                             if (failed) {
                               return self->finish(fail(ErrorCode::unavailable, "{}: the name cannot be resolved: {}",
                                                        self->where, failed.message()));
                             }
                             for (const auto& entry : found) self->addresses.push_back(entry.endpoint());
                             self->connect();
                           });
  }

  void connect() {
    boost::asio::async_connect(socket, addresses, [self = shared_from_this()](error_code failed, const tcp::endpoint&) {
      if (!self->done) return;
      if (failed) {
        return self->finish(fail(ErrorCode::unavailable, "{}: cannot be reached: {}", self->where, failed.message()));
      }
      self->finish(std::move(self->socket));
    });
  }

  void finish(Result<tcp::socket> result) {
    timer.cancel();
    if (auto call = std::exchange(done, nullptr)) call(std::move(result));
  }

  tcp::resolver resolver;
  tcp::socket socket;
  boost::asio::steady_timer timer;
  std::string where;
  std::vector<tcp::endpoint> addresses;
  std::function<void(Result<tcp::socket>)> done;
};

bool may_help_to_try_again(ErrorCode code) {
  return code == ErrorCode::unavailable || code == ErrorCode::deadline_exceeded || code == ErrorCode::io_error;
}

}  // namespace

void connect_socket(const boost::asio::any_io_executor& executor, std::string host, uint16_t port, Duration within,
                    std::function<void(Result<TlsStream::Socket>)> done) {
  const auto name = std::format("{}:{}", host, port);
  std::make_shared<SocketAttempt>(executor, name, std::move(done))->begin(host, port, within);
}

struct Connecting::Attempt : std::enable_shared_from_this<Attempt> {
  Attempt(const boost::asio::any_io_executor& on, const security::TlsContext& context, const LinkSelf& link_self,
          ConnectOptions how, std::function<void(Result<std::unique_ptr<Channel>>)> then)
      : executor(on), timer(on), tls(context), self(link_self), options(std::move(how)), done(std::move(then)) {}

  void begin() {
    ++attempt;
    connect_socket(executor, options.host, options.port, options.attempt_max,
                   [it = shared_from_this()](Result<TlsStream::Socket> socket) {
                     if (!it->done) return;
                     if (!socket) return it->failed(socket.error());
                     it->secure(*std::move(socket));
                   });
  }

  void secure(TlsStream::Socket socket) {
    auto connection = tls.connection(security::TlsSide::client);
    if (!connection) return failed(connection.error());
    auto stream =
        TlsStream::make(std::move(socket), *std::move(connection), std::format("{}:{}", options.host, options.port));
    if (!stream) return failed(stream.error());
    shake_hands(*std::move(stream), options.attempt_max, [it = shared_from_this()](Result<TlsStream> secured) {
      if (!it->done) return;
      if (!secured) return it->failed(secured.error());
      it->greet(*std::move(secured));
    });
  }

  void greet(TlsStream stream) {
    auto admits = [expected = options.expected](wire::NodeId node) -> Result<void> {
      if (!expected || node == *expected) return {};
      return fail(ErrorCode::unauthenticated, "expected node {}, but node {} answered", expected->short_text(),
                  node.short_text());
    };
    open_tcp_channel(std::move(stream), self, options.channel, admits,
                     [it = shared_from_this()](Result<std::unique_ptr<Channel>> channel) {
                       if (!it->done) return;
                       if (!channel) return it->failed(channel.error());
                       std::exchange(it->done, nullptr)(std::move(channel));
                     });
  }

  void failed(const Error& error) {
    const auto wait =
        may_help_to_try_again(error.code) ? backoff_after(attempt, options.backoff, self.incarnation) : std::nullopt;
    if (!wait) return std::exchange(done, nullptr)(std::unexpected(error));
    timer.expires_after(*wait);
    timer.async_wait([it = shared_from_this()](error_code cancelled) {
      if (!cancelled && it->done) it->begin();
    });
  }

  boost::asio::any_io_executor executor;
  boost::asio::steady_timer timer;
  security::TlsContext tls;
  LinkSelf self;
  ConnectOptions options;
  std::function<void(Result<std::unique_ptr<Channel>>)> done;
  uint32_t attempt = 0;
};

void Connecting::cancel() {
  if (!attempt_) return;
  attempt_->done = nullptr;
  attempt_->timer.cancel();
  attempt_.reset();
}

Connecting connect(const boost::asio::any_io_executor& executor, const security::TlsContext& tls, const LinkSelf& self,
                   ConnectOptions options, std::function<void(Result<std::unique_ptr<Channel>>)> done) {
  auto attempt = std::make_shared<Connecting::Attempt>(executor, tls, self, std::move(options), std::move(done));
  attempt->begin();
  return Connecting(std::move(attempt));
}

}  // namespace exogpu::net
