#include "api/server.h"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <random>
#include <thread>

#include "api/connection.h"
#include "api/tls/front.h"

namespace exogpu::api {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kFarewell{200};
constexpr std::chrono::milliseconds kKeysEvery{250};

Error listen_error(const ServerOptions& options, error_code failure) {
  const std::string where = std::format("{} port {}", options.address, options.port);
  if (failure == asio::error::address_in_use) {
    return {ErrorCode::already_exists,
            std::format("{} is in use by another program; end it or choose another port", where)};
  }
  if (failure == asio::error::access_denied) {
    return {ErrorCode::permission_denied,
            std::format("{} may not be listened on: {}; choose a port from 1024 on", where, failure.message())};
  }
  return {ErrorCode::io_error, std::format("{} cannot be listened on: {}", where, failure.message())};
}

ClientAddress client_of(const tcp::socket& socket) {
  error_code unknown;
  const auto endpoint = socket.remote_endpoint(unknown);
  if (unknown) return {};
  const asio::ip::address address = endpoint.address();
  const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  const bool loopback =
      mapped ? asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback() : address.is_loopback();
  return {.text = address.to_string(), .loopback = loopback};
}

Result<asio::ip::address> read_address(const std::string& text) {
  error_code failure;
  const auto address = asio::ip::make_address(text == "localhost" ? "127.0.0.1" : text, failure);
  if (!failure) return address;
  return fail(ErrorCode::invalid_argument,
              "{} is no address to listen on; give one of this machine's IP addresses, or "
              "0.0.0.0 for all of them",
              text);
}

}  // namespace

struct Server::Impl {
  Impl(const ServerOptions& given, node::Service& service)
      : options(given), door(options, service.access_keys()), shared{options, service, answers, door, workers} {
    std::random_device random;
    shared.random_seed = static_cast<uint64_t>(random()) << 32 | random();
    shared.on_closed = [this] {
      open = static_cast<uint32_t>(shared.connections.size());
      if (!shared.stopping || !shared.connections.empty()) return;
      grace_over.cancel();
      end_kept_answers();
    };
  }

  Result<void> listen() {
    EXO_TRY(const asio::ip::address address, read_address(options.address));
    const tcp::endpoint endpoint(address, options.port);
    error_code failure;
    acceptor.open(endpoint.protocol(), failure);
    if (!failure) acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
    if (!failure && address.is_v6()) acceptor.set_option(asio::ip::v6_only(false), failure);
    if (!failure) acceptor.bind(endpoint, failure);
    if (!failure) acceptor.listen(tcp::acceptor::max_listen_connections, failure);
    if (!failure) local = acceptor.local_endpoint(failure);
    if (failure) return std::unexpected(listen_error(options, failure));
    return {};
  }

  void accept() {
    acceptor.async_accept([this](error_code failure, tcp::socket socket) {
      if (!acceptor.is_open()) return;
      if (failure) {
        // Usually there is no free file descriptor; there will be when other connections have closed.
        retry.expires_after(std::chrono::milliseconds(100));
        retry.async_wait([this](error_code cancelled) {
          if (!cancelled && acceptor.is_open()) accept();
        });
        return;
      }
      if (shared.connections.size() + (front ? front->handshakes() : 0) >= options.connections_max) {
        turn_away(std::move(socket));
      } else if (front) {
        const ClientAddress client = client_of(socket);
        front->take(std::move(socket), client);
      } else {
        const ClientAddress client = client_of(socket);
        begin({.socket = PlainSocket(std::move(socket)), .client = client});
      }
      accept();
    });
  }

  void begin(ClientSocket socket) {
    std::make_shared<Connection>(std::move(socket), shared)->start();
    open = static_cast<uint32_t>(shared.connections.size());
  }

  void turn_away(tcp::socket socket) {
    const std::string body = to_json({.status = 503,
                                      .message = "the server has as many connections as it takes; try again later",
                                      .type = "server_error",
                                      .code = "unavailable"});
    const std::string text = std::format(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nRetry-After: 1\r\n"
        "Connection: close\r\n\r\n{}",
        body.size(), body);
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(text), ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  }

  void begin_stop(std::chrono::milliseconds grace) {
    shared.stopping = true;
    error_code ignored;
    acceptor.close(ignored);
    retry.cancel();
    keys_due.cancel();
    if (front) front->stop();
    const std::set<Connection*> all = shared.connections;
    for (Connection* connection : all) connection->close_when_idle();
    if (all.empty() || grace.count() == 0) end_kept_answers();
    if (all.empty()) return;
    if (grace.count() == 0) return abort_all();
    grace_over.expires_after(grace);
    grace_over.async_wait([this](error_code cancelled) {
      if (cancelled) return;
      const std::set<Connection*> remaining = shared.connections;
      for (Connection* connection : remaining) connection->end_answer({ErrorCode::unavailable, "the node is stopping"});
      end_kept_answers();
      // The connections whose clients do not receive the error.
      grace_over.expires_after(kFarewell);
      grace_over.async_wait([this](error_code ended) {
        if (!ended) abort_all();
      });
    });
  }

  void end_kept_answers() {
    for (const AnswerOf& kept : shared.kept_answers) {
      if (const auto answer = kept.answer.lock()) answer->stop({ErrorCode::unavailable, "the node is stopping"});
    }
  }

  // Answers to keys that were revoked, or have expired, end.
  void watch_keys() {
    keys_due.expires_after(kKeysEvery);
    keys_due.async_wait([this](error_code cancelled) {
      if (cancelled || shared.stopping) return;
      const std::set<Connection*> all = shared.connections;
      for (Connection* connection : all) connection->check_welcome();
      for (const AnswerOf& kept : shared.kept_answers) {
        const auto answer = kept.answer.lock();
        if (answer && !door.welcome(kept.by)) answer->stop(no_longer_welcome());
      }
      watch_keys();
    });
  }

  void abort_all() {
    const std::set<Connection*> remaining = shared.connections;
    for (Connection* connection : remaining) connection->abort();
  }

  const ServerOptions options;
  Door door;
  AnswerStore answers{options.answers_stored_max, options.answers_stored_bytes_max};
  asio::thread_pool workers{1};
  Shared shared;
  std::atomic<uint32_t> open = 0;
  asio::io_context io{1};
  std::optional<TlsFront> front;  // where the API speaks TLS
  tcp::acceptor acceptor{io};
  asio::steady_timer retry{io};
  asio::steady_timer grace_over{io};
  asio::steady_timer keys_due{io};
  tcp::endpoint local;
  std::thread thread;
};

Result<Server> Server::start(const ServerOptions& options, node::Service& service) {
  auto impl = std::make_unique<Impl>(options, service);
  if (!options.tls_certificate.empty() || !options.tls_key.empty()) {
    EXO_TRY(TlsCertificate certificate, TlsCertificate::open(options.tls_certificate, options.tls_key));
    impl->front.emplace(std::move(certificate), options.header_timeout,
                        [to = impl.get()](ClientSocket socket) { to->begin(std::move(socket)); });
  }
  EXO_CHECK(impl->listen());
  impl->accept();
  impl->watch_keys();
  impl->thread = std::thread([impl = impl.get()] { impl->io.run(); });
  return Server(std::move(impl));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::Server(Server&&) noexcept = default;

Server& Server::operator=(Server&& other) noexcept {
  if (this != &other) {
    shutdown(std::chrono::milliseconds(0));
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Server::~Server() { shutdown(std::chrono::milliseconds(0)); }

uint16_t Server::port() const { return impl_->local.port(); }

std::string Server::url() const {
  auto address = impl_->local.address();
  if (address.is_unspecified()) address = asio::ip::address_v4::loopback();
  return std::format("{}://{}{}{}:{}", impl_->front ? "https" : "http", address.is_v6() ? "[" : "", address.to_string(),
                     address.is_v6() ? "]" : "", port());
}

uint32_t Server::connections() const { return impl_->open; }

void Server::shutdown(std::chrono::milliseconds grace) {
  if (!impl_ || !impl_->thread.joinable()) return;
  asio::post(impl_->io, [impl = impl_.get(), grace] { impl->begin_stop(grace); });
  impl_->thread.join();
}

}  // namespace exogpu::api
