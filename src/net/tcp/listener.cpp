#include "net/tcp/listener.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "net/tcp/tcp_channel.h"

namespace exogpu::net {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

// The pause after the operating system refused a connection, for example for lack of descriptors.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Impl> {
  Impl(const boost::asio::any_io_executor& executor, const security::TlsContext& context, const LinkSelf& link_self,
       ListenOptions how, ListenHandler user, JoinServer* joins)
      : acceptor(executor),
        timer(executor),
        tls(context),
        self(link_self),
        options(std::move(how)),
        handler(std::move(user)),
        join(joins) {}

  Result<void> bind() {
    error_code error;
    tcp::endpoint endpoint(tcp::v6(), options.port);
    if (!options.address.empty()) {
      const auto address = boost::asio::ip::make_address(options.address, error);
      if (error)
        return fail(ErrorCode::invalid_argument, "{}: not an IP address; use for example 0.0.0.0 or 192.168.1.5",
                    options.address);
      endpoint = {address, options.port};
    }
    if (acceptor.open(endpoint.protocol(), error); error && options.address.empty()) {
      endpoint = {tcp::v4(), options.port};  // a machine without IPv6
      acceptor.open(endpoint.protocol(), error);
    }
    if (!error && endpoint.protocol() == tcp::v6() && options.address.empty()) {
      acceptor.set_option(boost::asio::ip::v6_only(false), error);
    }
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
    if (!error) return {};
    const auto where =
        std::format("{} port {}", options.address.empty() ? "all addresses" : options.address, options.port);
    if (error == boost::asio::error::address_in_use) {
      return fail(ErrorCode::already_exists, "{}: in use by another program; choose another port", where);
    }
    if (error == boost::asio::error::access_denied) {
      return fail(ErrorCode::permission_denied, "{}: not permitted; choose a port from 1024 on", where);
    }
    return fail(ErrorCode::io_error, "{}: cannot listen: {}", where, error.message());
  }

  void accept() {
    if (accepting || !acceptor.is_open() || greeting >= options.greeting_at_once) return;
    accepting = true;
    acceptor.async_accept([it = shared_from_this()](error_code error, tcp::socket socket) {
      it->accepting = false;
      if (!it->acceptor.is_open()) return;
      if (error) {
        it->timer.expires_after(kAcceptPause);
        it->timer.async_wait([it](error_code cancelled) {
          if (!cancelled) it->accept();
        });
        return;
      }
      it->take(std::move(socket));
      it->accept();
    });
  }

  void take(tcp::socket socket) {
    error_code error;
    const auto remote = socket.remote_endpoint(error);
    if (error) return;  // already closed
    auto address = remote.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
      address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
    }
    auto connection = tls.connection(security::TlsSide::server);
    if (!connection) return refused(connection.error());
    auto stream = TlsStream::make(std::move(socket), *std::move(connection),
                                  std::format("{}:{}", address.to_string(), remote.port()));
    if (!stream) return refused(stream.error());
    ++greeting;
    shake_hands(*std::move(stream), options.handshake_max,
                [it = shared_from_this()](Result<TlsStream> secured) { it->shaken(std::move(secured)); });
  }

  void shaken(Result<TlsStream> stream) {
    if (!stream || !acceptor.is_open()) {
      greeted();
      if (!stream) refused(stream.error());
      return;
    }
    if (security::purpose_of(stream->tls()) == security::TlsPurpose::join) {
      greeted();
      if (join) return join->serve(*std::move(stream));
      return JoinServer::refuse(*std::move(stream),
                                {.code = ErrorCode::failed_precondition,
                                 .message = "this node cannot admit newcomers; ask another node of the cluster"});
    }
    if (security::purpose_of(stream->tls()) == security::TlsPurpose::member) {
      greeted();
      return take_member(*std::move(stream));
    }
    open_tcp_channel(*std::move(stream), self, options.channel, handler.admits,
                     [it = shared_from_this()](Result<std::unique_ptr<Channel>> channel) {
                       it->greeted();
                       if (!channel) return it->refused(channel.error());
                       if (it->acceptor.is_open() && it->handler.on_channel) {
                         it->handler.on_channel(*std::move(channel));
                       }
                     });
  }

  void take_member(TlsStream stream) {
    const auto node = security::valid_peer_of(stream.tls());
    if (!node) return refused(node.error());
    if (!handler.on_member)
      return refused({ErrorCode::unsupported, std::format("{}: no groups across nodes here", stream.name())});
    if (handler.admits)
      if (const auto admitted = handler.admits(*node); !admitted) return refused(admitted.error());
    handler.on_member(std::move(stream), *node);
  }

  void greeted() {
    --greeting;
    accept();
  }

  void refused(const Error& error) {
    if (acceptor.is_open() && handler.on_refused) handler.on_refused(error);
  }

  tcp::acceptor acceptor;
  boost::asio::steady_timer timer;
  security::TlsContext tls;
  LinkSelf self;
  ListenOptions options;
  ListenHandler handler;
  JoinServer* join;
  size_t greeting = 0;
  bool accepting = false;
};

Result<Listener> Listener::open(const boost::asio::any_io_executor& executor, const security::TlsContext& tls,
                                const LinkSelf& self, ListenOptions options, ListenHandler handler, JoinServer* join) {
  auto impl = std::make_shared<Impl>(executor, tls, self, std::move(options), std::move(handler), join);
  EXO_CHECK(impl->bind());
  impl->accept();
  return Listener(std::move(impl));
}

Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

Listener::~Listener() {
  if (!impl_) return;
  error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->timer.cancel();
}

uint16_t Listener::port() const {
  error_code ignored;
  return impl_->acceptor.local_endpoint(ignored).port();
}

}  // namespace exogpu::net
