#include "net/tcp/join.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <initializer_list>
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

// Without the port, which is another one each time.
std::string address_of(TlsStream& stream) {
  error_code gone;
  const auto peer = stream.socket().remote_endpoint(gone);
  return gone ? stream.name() : peer.address().to_string();
}

}  // namespace

// A few messages over a stream, in turns, with a time limit.
class JoinServer::Exchange : public std::enable_shared_from_this<Exchange>, private InboxSink {
 public:
  // Gets the exchange as an argument, so that it does not hold it: the two would keep each other alive.
  using Received = std::function<void(const std::shared_ptr<Exchange>&, Result<wire::ByteVector>)>;

  explicit Exchange(TlsStream&& stream)
      : stream_(std::move(stream)),
        address_(address_of(stream_)),
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

  // Receives the next message, which must have one of these types.
  void receive(std::initializer_list<ControlType> types, Received done) {
    expected_ = types;
    received_ = std::move(done);
    go_on();
  }
  // The type of the last message.
  ControlType type() const { return type_; }

  void send(ControlType type, wire::ByteVector message) {
    outbox_.push_link(type, std::move(message));
    go_on();
  }

  // Sends, then closes.
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

  SSL* tls() const { return stream_.tls(); }
  // Of the other end; any thread.
  const std::string& address() const { return address_; }
  boost::asio::any_io_executor executor() { return stream_.socket().get_executor(); }

 private:
  std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader&) override { return std::nullopt; }
  void abandoned(const wire::FrameHeader&) override {}
  Result<void> frame(Lane, const wire::FrameHeader& header, std::span<const std::byte> payload) override {
    const auto* control = std::get_if<wire::Control>(&header.of);
    if (message_ || !control || !std::ranges::contains(expected_, control->type)) {
      return fail(ErrorCode::corrupt, "the message does not belong to joining");
    }
    type_ = control->type;
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

  void wait(TlsStream::IoStatus progress) {
    stream_.socket().async_wait(
        progress == TlsStream::IoStatus::wants_read ? TlsStream::Socket::wait_read : TlsStream::Socket::wait_write,
        [self = shared_from_this()](error_code error) {
          if (self->ended_) return;
          if (error) return self->fail_with({.code = ErrorCode::unavailable, .message = error.message()});
          self->go_on();
        });
  }

  TlsStream stream_;
  const std::string address_;
  boost::asio::steady_timer timer_;
  Inbox inbox_;
  Outbox outbox_;
  std::vector<ControlType> expected_;
  ControlType type_{};
  Received received_;
  std::optional<wire::ByteVector> message_;
  bool last_ = false;
  bool ended_ = false;
};

namespace {

Result<wire::JoinGrant> answer(const security::JoinResponder& responder, const Result<wire::ByteVector>& message) {
  if (!message) return std::unexpected(message.error());
  EXO_TRY(const auto request, wire::decode<wire::JoinRequest>(*message));
  return responder.admit(request, std::chrono::system_clock::now());
}

}  // namespace

JoinServer::JoinServer(security::JoinResponder responder, std::optional<security::PairingStore> codes,
                       std::function<void(const Admission&)> on_admission)
    : responder_(std::move(responder)), on_admission_(std::move(on_admission)), worker_(1) {
  if (codes) pairing_.emplace(responder_, *std::move(codes));
}

// With a grant: of its certificate.
void JoinServer::report(Admission admission, const wire::JoinGrant* grant) const {
  if (!on_admission_) return;
  if (grant) {
    const auto made = security::Certificate::from_der(grant->certificate, "the granted certificate");
    if (made) admission.outcome = made->node_id();
  }
  on_admission_(admission);
}

Result<wire::PairingGrant> JoinServer::finish_pairing(security::PendingPairing pending, const wire::ByteVector& message,
                                                      const std::string& from) {
  EXO_TRY(const auto proof, wire::decode<wire::PairingProof>(message));
  auto made = pairing_->finish(std::move(pending), proof, std::chrono::system_clock::now());
  const Error why = made ? Error{} : made.error();
  report({.from = from, .name = proof.name, .by_code = true, .outcome = std::unexpected(why)},
         made ? &made->grant : nullptr);
  return made;
}

void JoinServer::serve(TlsStream stream) {
  auto begun = std::make_shared<Exchange>(std::move(stream));
  begun->begin();
  begun->receive({ControlType::join_request, ControlType::pairing_hello},
                 [this](const std::shared_ptr<Exchange>& exchange, Result<wire::ByteVector> message) {
                   if (!message) return;  // the connection is lost, or its message needs no answer
                   if (exchange->type() == ControlType::pairing_hello) return pair(exchange, *std::move(message));
                   // The worker must not release the last reference to the exchange, which belongs to the other thread.
                   boost::asio::post(worker_, [this, exchange, message = std::move(message)]() mutable {
                     auto made = answer(responder_, message);
                     const Error why = made ? Error{} : made.error();
                     report({.from = exchange->address(), .name = {}, .outcome = std::unexpected(why)},
                            made ? &*made : nullptr);
                     auto response = wire::encode(wire::JoinResponse{.answer = std::move(made)});
                     const auto executor = exchange->executor();
                     boost::asio::post(executor, [exchange, response = std::move(response)]() mutable {
                       exchange->send_last(ControlType::join_response, std::move(response));
                     });
                   });
                 });
}

void JoinServer::pair(const std::shared_ptr<Exchange>& exchange, wire::ByteVector message) {
  const auto connection = security::pairing_connection(exchange->tls(), security::TlsSide::server);
  auto answered = [](const std::shared_ptr<Exchange>& asked,
                     Result<std::pair<security::PendingPairing, wire::PairingOffer>> made, JoinServer& server) {
    if (!made) {
      const wire::PairingOffer refusal{.answer = std::unexpected(made.error())};
      return asked->send_last(ControlType::pairing_offer, wire::encode(refusal));
    }
    asked->send(ControlType::pairing_offer, wire::encode(made->second));
    auto pending = std::make_shared<security::PendingPairing>(std::move(made->first));
    asked->receive({ControlType::pairing_proof},
                   [pending, &server](const std::shared_ptr<Exchange>& it, Result<wire::ByteVector> bytes) {
                     if (!bytes) return;
                     boost::asio::post(server.worker_, [pending, &server, it = std::shared_ptr(it),
                                                        bytes = *std::move(bytes)]() mutable {
                       auto paired = server.finish_pairing(std::move(*pending), bytes, it->address());
                       auto response = wire::encode(wire::PairingResult{.answer = std::move(paired)});
                       const auto executor = it->executor();
                       boost::asio::post(executor, [it = std::move(it), response = std::move(response)]() mutable {
                         it->send_last(ControlType::pairing_result, std::move(response));
                       });
                     });
                   });
  };
  // As above: the worker must not release the last reference.
  boost::asio::post(worker_, [this, exchange = std::shared_ptr(exchange), connection, answered,
                              message = std::move(message)]() mutable {
    auto answer = [&] -> Result<std::pair<security::PendingPairing, wire::PairingOffer>> {
      if (!pairing_) return fail(ErrorCode::failed_precondition, "this node does not pair; ask another node");
      EXO_TRY(const auto tls_connection, connection);
      EXO_TRY(const auto hello, wire::decode<wire::PairingHello>(message));
      return pairing_->answer(hello, tls_connection, std::chrono::system_clock::now());
    };
    auto made = std::make_shared<Result<std::pair<security::PendingPairing, wire::PairingOffer>>>(answer());
    if (!*made) {
      report({.from = exchange->address(), .name = {}, .by_code = true, .outcome = std::unexpected(made->error())},
             nullptr);
    }
    const auto executor = exchange->executor();
    boost::asio::post(executor, [this, made, answered, exchange = std::move(exchange)] {
      answered(exchange, std::move(*made), *this);
    });
  });
}

void JoinServer::refuse(TlsStream stream, const Error& why) {
  auto begun = std::make_shared<Exchange>(std::move(stream));
  begun->begin();
  begun->receive({ControlType::join_request, ControlType::pairing_hello},
                 [why](const auto& exchange, const Result<wire::ByteVector>& message) {
                   if (!message) return;
                   if (exchange->type() == ControlType::pairing_hello) {
                     const wire::PairingOffer refusal{.answer = std::unexpected(why)};
                     return exchange->send_last(ControlType::pairing_offer, wire::encode(refusal));
                   }
                   const wire::JoinResponse refusal{.answer = std::unexpected(why)};
                   exchange->send_last(ControlType::join_response, wire::encode(refusal));
                 });
}

namespace {

// Opens a connection to host:port and does the handshake.
void reach(const boost::asio::any_io_executor& executor, std::string host, uint16_t port, security::TlsContext context,
           const std::function<void(Result<security::Membership>)>& done, std::function<void(Result<TlsStream>)> then) {
  const std::string name = std::format("{}:{}", host, port);
  connect_socket(executor, std::move(host), port, kJoinMax,
                 [tls = std::move(context), name, then = std::move(then), done](Result<TlsStream::Socket> socket) {
                   if (!socket) return done(std::unexpected(socket.error()));
                   auto connection = tls.connection(security::TlsSide::client);
                   if (!connection) return done(std::unexpected(connection.error()));
                   auto stream = TlsStream::make(*std::move(socket), *std::move(connection), name);
                   if (!stream) return done(std::unexpected(stream.error()));
                   shake_hands(*std::move(stream), kJoinMax, then);
                 });
}

}  // namespace

void join_cluster(const boost::asio::any_io_executor& executor, std::string host, uint16_t port,
                  const security::JoinToken& token, std::function<void(Result<security::Membership>)> done) {
  auto requester = security::JoinRequester::make(token);
  auto context = security::TlsContext::for_joining(token.cluster);
  if (!requester || !context) {
    boost::asio::post(executor, [error = requester ? context.error() : requester.error(), done = std::move(done)] {
      done(std::unexpected(error));
    });
    return;
  }
  auto mine = std::make_shared<security::JoinRequester>(*std::move(requester));
  auto ask = [mine, done](Result<TlsStream> stream) {
    if (!stream) return done(std::unexpected(stream.error()));
    auto exchange = std::make_shared<JoinServer::Exchange>(*std::move(stream));
    exchange->begin();
    exchange->send(ControlType::join_request, wire::encode(mine->request()));
    exchange->receive({ControlType::join_response},
                      [mine, done](const auto& ended, const Result<wire::ByteVector>& message) {
                        ended->end();
                        if (!message) return done(std::unexpected(message.error()));
                        const auto response = wire::decode<wire::JoinResponse>(*message);
                        if (!response) return done(std::unexpected(response.error()));
                        done(std::move(*mine).accept(*response));
                      });
  };
  reach(executor, std::move(host), port, *std::move(context), done, ask);
}

namespace {

// The newcomer's side of a pairing, message by message. The exchange owns it.
struct PairingRun : std::enable_shared_from_this<PairingRun> {
  using Exchange = JoinServer::Exchange;
  PairingRun(security::PairingNewcomer by, wire::PairingHello first, std::string called,
             std::function<void(PairingEnd)> then)
      : newcomer(std::move(by)), hello(std::move(first)), name(std::move(called)), done(std::move(then)) {}

  void begin(TlsStream stream) {
    auto exchange = std::make_shared<Exchange>(std::move(stream));
    exchange->begin();
    exchange->send(ControlType::pairing_hello, wire::encode(hello));
    exchange->receive({ControlType::pairing_offer}, [self = shared_from_this()](const std::shared_ptr<Exchange>& it,
                                                                                const Result<wire::ByteVector>& bytes) {
      auto proof = self->prove(*it, bytes);
      if (!proof) return self->end(*it, std::unexpected(proof.error()));
      self->guessed = true;
      it->send(ControlType::pairing_proof, wire::encode(*proof));
      self->finish(it);
    });
  }

  Result<wire::PairingProof> prove(const Exchange& exchange, const Result<wire::ByteVector>& bytes) {
    if (!bytes) return std::unexpected(bytes.error());
    EXO_TRY(const auto offer, wire::decode<wire::PairingOffer>(*bytes));
    if (!offer.answer) return std::unexpected(offer.answer.error());
    EXO_TRY(const auto connection, security::pairing_connection(exchange.tls(), security::TlsSide::client));
    EXO_TRY(auto made, security::JoinRequester::make(offer.answer->cluster));
    requester.emplace(std::move(made));
    EXO_TRY(auto proof, newcomer.prove(offer, connection, requester->request().certificate_request));
    proof.name = name;
    return proof;
  }

  void finish(const std::shared_ptr<Exchange>& exchange) {
    exchange->receive(
        {ControlType::pairing_result},
        [self = shared_from_this()](const std::shared_ptr<Exchange>& it, const Result<wire::ByteVector>& bytes) {
          self->end(*it, self->accept(bytes));
        });
  }

  Result<security::Membership> accept(const Result<wire::ByteVector>& bytes) {
    if (!bytes) return std::unexpected(bytes.error());
    EXO_TRY(const auto result, wire::decode<wire::PairingResult>(*bytes));
    EXO_CHECK(newcomer.check(result));
    return (*std::move(requester)).accept({.answer = result.answer->grant});
  }

  void end(Exchange& exchange, Result<security::Membership> result) {
    exchange.end();
    done({.membership = std::move(result), .guessed = guessed});
  }

  security::PairingNewcomer newcomer;
  wire::PairingHello hello;
  std::string name;
  std::optional<security::JoinRequester> requester;
  bool guessed = false;
  std::function<void(PairingEnd)> done;
};

}  // namespace

void pair_with(const boost::asio::any_io_executor& executor, std::string host, uint16_t port, const PairingCall& call,
               std::function<void(PairingEnd)> done) {
  auto begun = security::PairingNewcomer::begin(call.code, call.from);
  auto context = security::TlsContext::for_pairing();
  if (!begun || !context) {
    boost::asio::post(executor, [error = begun ? context.error() : begun.error(), done = std::move(done)] {
      done({.membership = std::unexpected(error)});
    });
    return;
  }
  auto run = std::make_shared<PairingRun>(std::move(begun->first), std::move(begun->second), call.name, done);
  const auto failed = [done](Result<security::Membership> why) { done({.membership = std::move(why)}); };
  reach(executor, std::move(host), port, *std::move(context), failed, [run, failed](Result<TlsStream> stream) {
    if (!stream) return failed(std::unexpected(stream.error()));
    run->begin(*std::move(stream));
  });
}

}  // namespace exogpu::net
