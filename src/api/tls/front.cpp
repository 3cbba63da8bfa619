#include "api/tls/front.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <vector>

#include "base/units.h"

namespace exogpu::api {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using TlsSocket = asio::ssl::stream<tcp::socket>;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr size_t kCarried = 16 * KiB;  // a record of TLS
constexpr char kHandshakeByte = 0x16;
constexpr std::chrono::milliseconds kCloseMax{5000};
constexpr std::chrono::milliseconds kCloseStopping{100};
constexpr std::string_view kTlsOnly =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 109\r\nConnection: close\r\n\r\n"
    R"({"error":{"message":"this API is served over TLS; use https://","type":"invalid_request_error","code":"tls"}})";

}  // namespace

// Carries bytes between a client that speaks TLS and the server's socket.
class TlsFront::Carrier : public std::enable_shared_from_this<Carrier> {
 public:
  Carrier(TlsSocket outer, asio::local::stream_protocol::socket inner, TlsSettings settings,
          std::shared_ptr<std::set<Carrier*>> all)
      : settings_(std::move(settings)),
        outer_(std::move(outer)),
        inner_(std::move(inner)),
        closing_(outer_.get_executor()),
        all_(std::move(all)) {
    all_->insert(this);
  }
  ~Carrier() { all_->erase(this); }
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  void start() {
    asio::co_spawn(outer_.get_executor(), [self = shared_from_this()] { return self->carry_in(); }, asio::detached);
    asio::co_spawn(outer_.get_executor(), [self = shared_from_this()] { return self->carry_out(); }, asio::detached);
  }

  // The server stops: its client is not waited for.
  void hurry() {
    close_max_ = kCloseStopping;
    error_code ignored;
    if (ending_) outer_.next_layer().close(ignored);
  }

 private:
  asio::awaitable<void> carry_in() {
    std::vector<char> bytes(kCarried);
    for (;;) {
      const auto [failure, got] = co_await outer_.async_read_some(asio::buffer(bytes), kTuple);
      if (failure) {
        // Many clients end without the alert that TLS has for it.
        const bool ended = failure == asio::error::eof || failure == asio::ssl::error::stream_truncated;
        error_code ignored;
        if (ended) {
          inner_.shutdown(asio::socket_base::shutdown_send, ignored);
        } else {
          inner_.close(ignored);
        }
        co_return;
      }
      const auto [lost, sent] = co_await asio::async_write(inner_, asio::buffer(bytes.data(), got), kTuple);
      if (lost) break;
    }
    // The server reads no more; what the client still sends is of no use.
  }

  asio::awaitable<void> carry_out() {
    std::vector<char> bytes(kCarried);
    error_code ignored;
    for (;;) {
      const auto [failure, got] = co_await inner_.async_read_some(asio::buffer(bytes), kTuple);
      if (failure) break;
      const auto [lost, sent] = co_await asio::async_write(outer_, asio::buffer(bytes.data(), got), kTuple);
      if (lost) {
        inner_.close(ignored);
        outer_.next_layer().close(ignored);
        co_return;
      }
    }
    co_await end();
  }

  // The server has ended: the client is told, and has a moment to end as well.
  asio::awaitable<void> end() {
    error_code ignored;
    ending_ = true;
    closing_.expires_after(close_max_);
    closing_.async_wait([self = shared_from_this()](error_code cancelled) {
      error_code unused;
      if (!cancelled) self->outer_.next_layer().close(unused);
    });
    co_await outer_.async_shutdown(kTuple);
    closing_.cancel();
    outer_.next_layer().close(ignored);
    inner_.close(ignored);
  }

  TlsSettings settings_;  // outlives the stream
  TlsSocket outer_;
  asio::local::stream_protocol::socket inner_;
  asio::steady_timer closing_;
  std::chrono::milliseconds close_max_ = kCloseMax;
  bool ending_ = false;
  std::shared_ptr<std::set<Carrier*>> all_;
};

// A connection until it is ready.
class TlsFront::Handshake : public std::enable_shared_from_this<Handshake> {
 public:
  Handshake(TlsFront& front, tcp::socket socket, ClientAddress client, TlsSettings settings)
      : front_(&front),
        settings_(std::move(settings)),
        outer_(std::move(socket), *settings_),
        deadline_(outer_.get_executor()),
        client_(std::move(client)) {
    front.handshakes_.insert(this);
  }
  ~Handshake() { leave(); }
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  void start(std::chrono::milliseconds most) {
    deadline_.expires_after(most);
    deadline_.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled) self->close();
    });
    asio::co_spawn(outer_.get_executor(), [self = shared_from_this()] { return self->begin(); }, asio::detached);
  }
  void close() {
    error_code ignored;
    deadline_.cancel();
    outer_.next_layer().close(ignored);
  }
  void leave() {
    if (front_ != nullptr) front_->handshakes_.erase(this);
    front_ = nullptr;
  }

 private:
  asio::awaitable<void> begin() {
    tcp::socket& socket = outer_.next_layer();
    char first = 0;
    const auto [failure, got] =
        co_await socket.async_receive(asio::buffer(&first, 1), asio::socket_base::message_peek, kTuple);
    if (failure || got == 0) co_return close();
    if (first == kHandshakeByte) {
      const auto [refused] = co_await outer_.async_handshake(asio::ssl::stream_base::server, kTuple);
      if (refused || front_ == nullptr) co_return close();
      co_return hand_over_inside();
    }
    deadline_.cancel();
    if (front_ == nullptr) co_return close();
    if (!client_.loopback) {
      co_await asio::async_write(socket, asio::buffer(kTlsOnly), kTuple);
      co_return close();
    }
    const Taken taken = front_->taken_;
    leave();
    taken({.socket = PlainSocket(std::move(socket)), .client = std::move(client_)});
  }

  void hand_over_inside() {
    deadline_.cancel();
    const auto executor = outer_.get_executor();
    asio::local::stream_protocol::socket inner(executor), outer_end(executor);
    error_code failure;
    asio::local::connect_pair(inner, outer_end, failure);
    if (failure) return close();
    const Taken taken = front_->taken_;
    const auto carriers = front_->carriers_;
    leave();
    std::make_shared<Carrier>(std::move(outer_), std::move(outer_end), settings_, carriers)->start();
    taken({.socket = PlainSocket(std::move(inner)), .client = std::move(client_)});
  }

  TlsFront* front_;
  TlsSettings settings_;
  TlsSocket outer_;
  asio::steady_timer deadline_;
  ClientAddress client_;
};

TlsFront::~TlsFront() { stop(); }

void TlsFront::take(tcp::socket socket, ClientAddress client) {
  auto settings = certificate_.settings(std::chrono::steady_clock::now());
  std::make_shared<Handshake>(*this, std::move(socket), std::move(client), std::move(settings))->start(handshake_max_);
}

void TlsFront::stop() {
  const std::set<Handshake*> all = handshakes_;
  for (Handshake* each : all) {
    each->leave();
    each->close();
  }
  const std::set<Carrier*> ready = *carriers_;
  for (Carrier* each : ready) each->hurry();
}

}  // namespace exogpu::api
