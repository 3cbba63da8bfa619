#include "net/tcp/visit.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <utility>

#include "net/session.h"
#include "net/tcp/tls_stream.h"

namespace exogpu::net {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

Reached how_far(const error_code& error) {
  namespace errors = boost::asio::error;
  if (error == errors::connection_refused) return Reached::refused;
  if (error == errors::timed_out) return Reached::timed_out;
  if (error == errors::access_denied || error == errors::no_permission) return Reached::forbidden;
  return error == errors::host_unreachable ? Reached::host_unreachable : Reached::no_route;
}

// One connection at a time, all on the caller's thread.
class Visitor {
 public:
  Visitor(std::string address, uint16_t port, Duration step_max)
      : address_(std::move(address)), port_(port), step_max_(step_max) {}

  std::optional<tcp::socket> connect(Visit& into) {
    error_code error;
    const auto address = boost::asio::ip::make_address(address_, error);
    if (error) {
      into.error_text = error.message();
      return std::nullopt;
    }
    tcp::socket socket(io_);
    std::optional<error_code> ended;
    socket.async_connect({address, port_}, [&](error_code why) { ended = why; });
    run_until([&] { return ended.has_value(); });
    if (!ended) {
      socket.close(error);
      run_until([&] { return ended.has_value(); });  // which refers to `ended`
      into.reached = Reached::timed_out;
      into.error_text = std::format("no answer within {}", std::chrono::duration_cast<std::chrono::seconds>(step_max_));
      return std::nullopt;
    }
    into.reached = *ended ? how_far(*ended) : Reached::yes;
    into.error_text = *ended ? ended->message() : "";
    return *ended ? std::nullopt : std::optional(std::move(socket));
  }

  Result<TlsStream> secure(tcp::socket socket, const security::TlsContext& tls) {
    EXO_TRY(auto connection, tls.connection(security::TlsSide::client));
    EXO_TRY(auto stream,
            TlsStream::make(std::move(socket), std::move(connection), std::format("{} port {}", address_, port_)));
    auto secured = std::make_shared<std::optional<Result<TlsStream>>>();
    shake_hands(std::move(stream), step_max_, [secured](Result<TlsStream> done) { *secured = std::move(done); });
    while (!*secured) {
      io_.restart();
      io_.run_one();
    }
    return std::move(**secured);
  }

  // Reads the Hello and sends a goodbye instead of one: the running node of this identity keeps its link.
  Result<Peer> greet(TlsStream stream, const security::Identity& self) {
    EXO_TRY(const wire::NodeId certified, security::peer_of(stream.tls()));
    Session session({.node = self.node(), .cluster = self.cluster()}, {},
                    {certified, security::validity_of_peer(stream.tls())}, Clock::now());
    const auto until = Clock::now() + step_max_;
    std::optional<Error> lost;
    while (session.state() == Session::State::greeting && !lost) {
      if (Clock::now() >= until) lost = Error{ErrorCode::deadline_exceeded, "it sent no hello in time"};
      auto moved = stream.read(session.read_into());
      if (!moved) {
        lost = moved.error();
      } else if (moved->bytes > 0) {
        session.received(moved->bytes, Clock::now());
      } else {
        await(stream, moved->progress);
      }
    }
    if (lost) return std::unexpected(*std::move(lost));
    const Session::State state = session.state();
    const Error why = session.reason();
    Peer peer = session.peer();
    session.close({ErrorCode::cancelled, "`exogpu doctor` only examined it"}, Clock::now());
    while (!session.to_write().empty() && Clock::now() < until) {
      auto moved = stream.write(session.to_write(), false);
      if (!moved) break;
      session.wrote(moved->bytes);
      if (moved->bytes == 0) await(stream, moved->progress);
    }
    leave(std::move(stream));
    if (state != Session::State::open) return std::unexpected(why);
    EXO_CHECK(would_take(peer, self));
    return peer;
  }

  // By the peer's clock, which a link would go by.
  static Result<void> would_take(const Peer& peer, const security::Identity& self) {
    if (!peer.clock_ahead) return {};
    const auto now = std::chrono::system_clock::now();
    return security::check_validity(self.certificate().validity(), {.node = self.node(), .time = now},
                                    {.node = peer.node, .time = now + *peer.clock_ahead});
  }

  // Lets the sent bytes arrive before closing.
  void leave(TlsStream stream) {
    stream.finish();
    TlsStream::linger(std::move(stream));
    run_until([] { return false; }, std::chrono::milliseconds(200));
  }

 private:
  template <typename Ready>
  void run_until(Ready ready, std::optional<Duration> within = {}) {
    const auto until = Clock::now() + within.value_or(step_max_);
    io_.restart();
    while (!ready() && Clock::now() < until && !io_.stopped()) io_.run_one_until(until);
  }

  void await(TlsStream& stream, TlsStream::IoStatus wanted) {
    bool ready = false;
    stream.socket().async_wait(
        wanted == TlsStream::IoStatus::wants_write ? tcp::socket::wait_write : tcp::socket::wait_read,
        [&](error_code) { ready = true; });
    run_until([&] { return ready; });
    if (ready) return;
    error_code ignored;
    stream.socket().cancel(ignored);
    run_until([&] { return ready; });
  }

  boost::asio::io_context io_{1};
  std::string address_;
  uint16_t port_;
  Duration step_max_;
};

Result<security::Certificate> copy_of(X509* certificate) {
  X509_up_ref(certificate);
  return security::Certificate::from_native(security::Openssl<X509>(certificate), "its certificate");
}

Result<Shown> shown_by(const TlsStream& stream) {
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(stream.tls());
  if (sk_X509_num(chain) < 2) return fail(ErrorCode::unsupported, "it has no certificate of a cluster");
  EXO_TRY(const security::Certificate node, copy_of(sk_X509_value(chain, 0)));
  EXO_TRY(const security::Certificate authority, copy_of(sk_X509_value(chain, 1)));
  if (!authority.is_authority() || !node.signed_by(authority)) {
    return fail(ErrorCode::unsupported, "its certificates do not belong together");
  }
  return Shown{.node = node.node_id(),
               .cluster = authority.cluster_id(),
               .node_valid = node.validity(),
               .cluster_valid = authority.validity()};
}

}  // namespace

Visit visit(const std::string& address, uint16_t port, const security::Identity* self, Duration step_max) {
  Visit found;
  Visitor visitor(address, port, step_max);
  auto socket = visitor.connect(found);
  if (!socket) return found;

  // Connects as a newcomer that pairs: any node answers one, and none asks it for a certificate.
  found.identity = [&] -> Result<Shown> {
    EXO_TRY(const auto tls, security::TlsContext::for_pairing());
    EXO_TRY(auto stream, visitor.secure(*std::move(socket), tls));
    auto shown = shown_by(stream);
    visitor.leave(std::move(stream));
    return shown;
  }();
  if (self == nullptr || !*found.identity || (*found.identity)->cluster != self->cluster()) return found;
  // A node takes its own identity for that of a second process.
  if ((*found.identity)->node == self->node()) return found;

  found.hello = [&] -> Result<Peer> {
    EXO_TRY(const auto tls, security::TlsContext::for_node(*self));
    Visit again;
    auto second = visitor.connect(again);
    if (!second) return fail(ErrorCode::unavailable, "{} port {}: {}", address, port, again.error_text);
    EXO_TRY(auto stream, visitor.secure(*std::move(second), tls));
    return visitor.greet(std::move(stream), *self);
  }();
  return found;
}

}  // namespace exogpu::net
