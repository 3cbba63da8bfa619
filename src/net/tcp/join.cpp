#include "net/tcp/join.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>
#include <vector>

#include "net/inbox.h"
#include "net/outbox.h"
#include "net/tcp/connector.h"

namespace exogpu::net {
namespace {

using boost::system::error_code;
using wire::ControlType;

constexpr Bytes kMessageBytesMax = wire::kUrgentBytesMax;

// One message each way over a stream, within a time.
class Exchange : public std::enable_shared_from_this<Exchange>, private InboxSink {
 public:
  // Gets the exchange itself, so that it need not hold it: the two would keep each other alive.
  using Received = std::function<void(const std::shared_ptr<Exchange>&, Result<wire::ByteVector>)>;

  explicit Exchange(TlsStream&& stream)
      : stream_(std::move(stream)),
        timer_(stream_.socket().get_executor(), kJoinMax),
        inbox_(wire::kWindowBytesMin, wire::kWindowBytesMin),
        outbox_({kMessageBytesMax, 0, 0}) {}

  void begin() {
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (error) return;
      self->fail_with(
          {.code = ErrorCode::deadline_exceeded, .message = std::format("{}: it took too long", self->stream_.name())});
    });
  }

  void receive(ControlType type, Received done) {
    expected_ = type;
    received_ = std::move(done);
    go_on();
  }

  void send(ControlType type, wire::ByteVector message) {
    outbox_.push_link(type, std::move(message));
    go_on();
  }

  // Sends and ends.
  void send_last(ControlType type, wire::ByteVector message) {
    last_ = true;
    send(type, std::move(message));
  }

  void end() {
    if (std::exchange(ended_, true)) return;
    timer_.cancel();
    error_code ignored;
    stream_.socket().cancel(ignored);
    stream_.finish();
    TlsStream::linger(std::move(stream_));
  }

  boost::asio::any_io_executor executor() { return stream_.socket().get_executor(); }

 private:
  std::optional<std::span<std::byte>> place(const wire::FrameHeader&) override { return std::nullopt; }
  void abandoned(const wire::FrameHeader&) override {}
  Result<void> frame(Lane, const wire::FrameHeader& header, std::span<const std::byte> payload) override {
    const auto* control = std::get_if<wire::Control>(&header.of);
    if (!control || control->type != expected_) return fail(ErrorCode::corrupt, "this is no message about joining");
    message_.emplace(payload.begin(), payload.end());
    return {};
  }

  void fail_with(const Error& error) {
    if (auto call = std::exchange(received_, nullptr)) call(shared_from_this(), std::unexpected(error));
    end();
  }

  void go_on() {
    if (ended_) return;
    while (true) {
      const auto bytes = outbox_.front();
      if (bytes.empty()) break;
      auto moved = stream_.write(bytes.first(std::min<size_t>(bytes.size(), 16 * KiB)), false);
      if (!moved) return fail_with(moved.error());
      if (moved->bytes == 0) return wait(moved->progress);
      outbox_.consume(moved->bytes);
    }
    if (last_) return end();
    while (received_) {
      auto moved = stream_.read(inbox_.next());
      if (!moved) return fail_with(moved.error());
      if (moved->bytes == 0) return wait(moved->progress);
      if (auto taken = inbox_.commit(moved->bytes, *this); !taken) {
        return fail_with(
            {.code = taken.error().code, .message = std::format("{}: {}", stream_.name(), taken.error().message)});
      }
      if (message_) {
        return std::exchange(received_, nullptr)(shared_from_this(), *std::exchange(message_, std::nullopt));
      }
    }
  }

  void wait(TlsStream::Progress progress) {
    stream_.socket().async_wait(
        progress == TlsStream::Progress::wants_read ? TlsStream::Socket::wait_read : TlsStream::Socket::wait_write,
        [self = shared_from_this()](error_code error) {
          if (self->ended_) return;
          if (error) return self->fail_with({.code = ErrorCode::unavailable, .message = error.message()});
          self->go_on();
        });
  }

  TlsStream stream_;
  boost::asio::steady_timer timer_;
  Inbox inbox_;
  Outbox outbox_;
  ControlType expected_{};
  Received received_;
  std::optional<wire::ByteVector> message_;
  bool last_ = false;
  bool ended_ = false;
};

Result<wire::JoinGrant> answer(const security::JoinDesk& desk, const Result<wire::ByteVector>& message) {
  if (!message) return std::unexpected(message.error());
  EXO_TRY(const auto request, wire::decode<wire::JoinRequest>(*message));
  return desk.admit(request, std::chrono::system_clock::now());
}

}  // namespace

void JoinServer::serve(TlsStream stream) {
  auto begun = std::make_shared<Exchange>(std::move(stream));
  begun->begin();
  begun->receive(ControlType::join_request,
                 [this](const std::shared_ptr<Exchange>& exchange, Result<wire::ByteVector> message) {
                   if (!message) return;  // gone, or nothing that could be answered
                   // The worker must not be the last to hold the exchange, which belongs to the other thread.
                   boost::asio::post(worker_, [this, exchange, message = std::move(message)]() mutable {
                     auto response = wire::encode(wire::JoinResponse{.answer = answer(desk_, message)});
                     const auto executor = exchange->executor();
                     boost::asio::post(executor, [exchange, response = std::move(response)]() mutable {
                       exchange->send_last(ControlType::join_response, std::move(response));
                     });
                   });
                 });
}

void JoinServer::refuse(TlsStream stream, const Error& why) {
  auto begun = std::make_shared<Exchange>(std::move(stream));
  begun->begin();
  begun->receive(ControlType::join_request, [why](const auto& exchange, const Result<wire::ByteVector>& message) {
    if (!message) return;
    exchange->send_last(ControlType::join_response, wire::encode(wire::JoinResponse{.answer = std::unexpected(why)}));
  });
}

void join_cluster(const boost::asio::any_io_executor& executor, std::string host, uint16_t port,
                  const security::JoinToken& token, std::function<void(Result<security::Identity>)> done) {
  auto application = security::JoinApplication::make(token);
  auto context = security::TlsContext::for_joining(token.cluster);
  if (!application || !context) {
    boost::asio::post(executor, [error = application ? context.error() : application.error(), done = std::move(done)] {
      done(std::unexpected(error));
    });
    return;
  }
  auto mine = std::make_shared<security::JoinApplication>(*std::move(application));
  const std::string name = std::format("{}:{}", host, port);

  auto ask = [mine, done](Result<TlsStream> stream) {
    if (!stream) return done(std::unexpected(stream.error()));
    auto exchange = std::make_shared<Exchange>(*std::move(stream));
    exchange->begin();
    exchange->send(ControlType::join_request, wire::encode(mine->request()));
    exchange->receive(ControlType::join_response,
                      [mine, done](const auto& ended, const Result<wire::ByteVector>& message) {
                        ended->end();
                        if (!message) return done(std::unexpected(message.error()));
                        const auto response = wire::decode<wire::JoinResponse>(*message);
                        if (!response) return done(std::unexpected(response.error()));
                        done(std::move(*mine).accept(*response));
                      });
  };
  connect_socket(executor, std::move(host), port, kJoinMax,
                 [tls = *std::move(context), name, ask, done](Result<TlsStream::Socket> socket) {
                   if (!socket) return done(std::unexpected(socket.error()));
                   auto connection = tls.connection(security::TlsSide::client);
                   if (!connection) return done(std::unexpected(connection.error()));
                   auto stream = TlsStream::make(*std::move(socket), *std::move(connection), name);
                   if (!stream) return done(std::unexpected(stream.error()));
                   shake_hands(*std::move(stream), kJoinMax, ask);
                 });
}

}  // namespace exogpu::net
