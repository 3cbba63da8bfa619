#include "net/tcp/tls_stream.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

namespace exogpu::net {
namespace {

using boost::system::error_code;

constexpr Duration kLingerMax = std::chrono::seconds(1);

}  // namespace

// The socket as OpenSSL's input and output. OpenSSL's own socket BIO would let a write to a closed connection end the
// program with SIGPIPE, and has no MSG_MORE.
struct TlsStream::Pipe {
  int fd = -1;
  bool more = false;
  bool ended = false;
  int error = 0;

  static int write(BIO* bio, const char* bytes, int size) {
    auto& pipe = *static_cast<Pipe*>(BIO_get_data(bio));
    int flags = MSG_NOSIGNAL;
#ifdef MSG_MORE
    if (pipe.more) flags |= MSG_MORE;
#endif
    BIO_clear_retry_flags(bio);
    while (true) {
      const ssize_t n = ::send(pipe.fd, bytes, static_cast<size_t>(size), flags);
      if (n >= 0) return static_cast<int>(n);
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        BIO_set_retry_write(bio);
      } else {
        pipe.error = errno;
      }
      return -1;
    }
  }

  static int read(BIO* bio, char* bytes, int size) {
    auto& pipe = *static_cast<Pipe*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    while (true) {
      const ssize_t n = ::recv(pipe.fd, bytes, static_cast<size_t>(size), 0);
      if (n > 0) return static_cast<int>(n);
      if (n == 0) {
        pipe.ended = true;
        return 0;
      }
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        BIO_set_retry_read(bio);
      } else {
        pipe.error = errno;
      }
      return -1;
    }
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return static_cast<Pipe*>(BIO_get_data(bio))->ended ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* it = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "exogpu socket");
      BIO_meth_set_write(it, write);
      BIO_meth_set_read(it, read);
      BIO_meth_set_ctrl(it, control);
      return it;
    }();
    return method;
  }
};

TlsStream::TlsStream(Socket socket, security::Openssl<SSL> tls, std::string name, std::unique_ptr<Pipe> pipe)
    : socket_(std::move(socket)), pipe_(std::move(pipe)), tls_(std::move(tls)), name_(std::move(name)) {}

TlsStream::TlsStream(TlsStream&&) noexcept = default;
TlsStream& TlsStream::operator=(TlsStream&&) noexcept = default;
TlsStream::~TlsStream() = default;

Result<TlsStream> TlsStream::make(Socket socket, security::Openssl<SSL> tls, std::string name) {
  error_code error;
  socket.non_blocking(true, error);
  if (!error) socket.set_option(boost::asio::ip::tcp::no_delay(true), error);
  if (error) return fail(ErrorCode::io_error, "{}: cannot set up the socket: {}", name, error.message());
#ifdef TCP_NOTSENT_LOWAT
  // Bytes in the operating system's send buffer cannot be overtaken by urgent frames; keep it short.
  using NotSent = boost::asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>;
  socket.set_option(NotSent(512 * 1024), error);  // without it urgent frames are only later
#endif
  auto pipe = std::make_unique<Pipe>();
  pipe->fd = socket.native_handle();
  BIO* bio = BIO_new(Pipe::method());
  if (!bio) return fail(ErrorCode::out_of_memory, "{}: not enough memory for a connection", name);
  BIO_set_data(bio, pipe.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(tls.get(), bio, bio);
  return TlsStream(std::move(socket), std::move(tls), std::move(name), std::move(pipe));
}

Result<TlsStream::IoStatus> TlsStream::progress(int result) {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_NONE: return IoStatus::done;
    case SSL_ERROR_WANT_READ: return IoStatus::wants_read;
    case SSL_ERROR_WANT_WRITE: return IoStatus::wants_write;
    case SSL_ERROR_ZERO_RETURN: return fail(ErrorCode::unavailable, "{}: the other end closed the connection", name_);
    case SSL_ERROR_SYSCALL: {
      ERR_clear_error();
      const std::string words = pipe_->error != 0 ? std::generic_category().message(pipe_->error) : "it is gone";
      return fail(ErrorCode::unavailable, "{}: the connection was lost: {}", name_, words);
    }
    default: {
      const Error error = security::tls_error(tls_.get());
      return fail(error.code, "{}: {}", name_, error.message);
    }
  }
}

Result<TlsStream::IoStatus> TlsStream::handshake() {
  ERR_clear_error();
  return progress(SSL_do_handshake(tls_.get()));
}

Result<TlsStream::Moved> TlsStream::read(std::span<std::byte> into) {
  ERR_clear_error();
  size_t bytes = 0;
  const int result = SSL_read_ex(tls_.get(), into.data(), into.size(), &bytes);
  if (result == 1) return Moved{.bytes = bytes, .progress = IoStatus::done};
  EXO_TRY(const IoStatus wanted, progress(result));
  return Moved{.bytes = 0, .progress = wanted};
}

Result<TlsStream::Moved> TlsStream::write(std::span<const std::byte> from, bool more) {
  ERR_clear_error();
  pipe_->more = more;
  size_t bytes = 0;
  const int result = SSL_write_ex(tls_.get(), from.data(), from.size(), &bytes);
  if (result == 1) return Moved{.bytes = bytes, .progress = IoStatus::done};
  EXO_TRY(const IoStatus wanted, progress(result));
  return Moved{.bytes = 0, .progress = wanted};
}

Result<void> TlsStream::move_to(const boost::asio::any_io_executor& executor) {
  error_code error;
  Socket moved(executor);
  const auto protocol = socket_.local_endpoint(error).protocol();
  if (!error) moved.assign(protocol, socket_.release(error), error);
  if (error) return fail(ErrorCode::unavailable, "{}: the connection was lost: {}", name_, error.message());
  socket_ = std::move(moved);
  return {};
}

void TlsStream::finish() {
  pipe_->more = false;
  if (SSL_is_init_finished(tls_.get()) == 1) SSL_shutdown(tls_.get());
  ERR_clear_error();
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void TlsStream::reset() {
  error_code ignored;
  socket_.set_option(Socket::linger(true, 0), ignored);
  socket_.close(ignored);
}

namespace {

struct Linger : std::enable_shared_from_this<Linger> {
  explicit Linger(TlsStream&& it) : stream(std::move(it)), timer(stream.socket().get_executor(), kLingerMax) {}

  void begin() {
    timer.async_wait([self = shared_from_this()](error_code error) {
      error_code ignored;
      if (!error) self->stream.socket().close(ignored);
    });
    read();
  }
  void read() {
    stream.socket().async_read_some(boost::asio::buffer(waste),
                                    [self = shared_from_this()](error_code error, size_t n) {
                                      self->remaining -= std::min(self->remaining, n);
                                      if (!error && self->remaining > 0) return self->read();
                                      self->timer.cancel();
                                      error_code ignored;
                                      self->stream.socket().close(ignored);
                                    });
  }

  TlsStream stream;
  boost::asio::steady_timer timer;
  size_t remaining = 8 * MiB;
  std::array<std::byte, 16 * KiB> waste;
};

struct Handshake : std::enable_shared_from_this<Handshake> {
  Handshake(TlsStream&& it, std::function<void(Result<TlsStream>)> then)
      : stream(std::move(it)), timer(stream.socket().get_executor()), done(std::move(then)) {}

  void begin(Duration within) {
    timer.expires_after(within);
    timer.async_wait([self = shared_from_this()](error_code error) {
      if (error || !self->done) return;
      self->late = true;
      error_code ignored;
      self->stream.socket().cancel(ignored);
    });
    // Not from inside the caller.
    boost::asio::post(stream.socket().get_executor(), [self = shared_from_this()] { self->go_on({}); });
  }

  void go_on(error_code error) {
    if (late) {
      return finish(fail(ErrorCode::deadline_exceeded, "{}: it did not finish the handshake in time", stream.name()));
    }
    if (error) return finish(fail(ErrorCode::unavailable, "{}: {}", stream.name(), error.message()));
    auto progress = stream.handshake();
    if (!progress) return finish(std::unexpected(std::move(progress).error()));
    if (*progress == TlsStream::IoStatus::done) return finish({});
    stream.socket().async_wait(
        *progress == TlsStream::IoStatus::wants_read ? TlsStream::Socket::wait_read : TlsStream::Socket::wait_write,
        [self = shared_from_this()](error_code waited) { self->go_on(waited); });
  }

  void finish(Result<void> result) {
    timer.cancel();
    auto call = std::exchange(done, nullptr);
    if (result) return call(std::move(stream));
    stream.finish();
    TlsStream::linger(std::move(stream));
    call(std::unexpected(std::move(result).error()));
  }

  TlsStream stream;
  boost::asio::steady_timer timer;
  std::function<void(Result<TlsStream>)> done;
  bool late = false;
};

}  // namespace

void TlsStream::linger(TlsStream stream) { std::make_shared<Linger>(std::move(stream))->begin(); }

void shake_hands(TlsStream stream, Duration within, std::function<void(Result<TlsStream>)> done) {
  std::make_shared<Handshake>(std::move(stream), std::move(done))->begin(within);
}

}  // namespace exogpu::net
