// TLS over a TCP socket that never blocks.
//
// Asio waits for the socket; OpenSSL reads and writes it. So a payload is decrypted straight into its receive buffer
// and encrypted straight from its memory, without the buffers of boost::asio::ssl::stream.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "net/channel.h"
#include "security/tls.h"

namespace exogpu::net {

// Movable until a wait is in progress. One thread.
class TlsStream {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // `socket` is connected. `name`, for messages, is the peer's address.
  static Result<TlsStream> make(Socket socket, security::Openssl<SSL> tls, std::string name);
  TlsStream(TlsStream&&) noexcept;
  TlsStream& operator=(TlsStream&&) noexcept;
  ~TlsStream();

  enum class IoStatus {
    done,
    wants_read,   // try again when the socket can be read
    wants_write,  // try again when it can be written
  };

  Result<IoStatus> handshake();

  // Moves at least one byte, unless `progress` wants something. An orderly end of the stream is an error, too:
  // unavailable.
  struct Moved {
    size_t bytes = 0;
    IoStatus progress = IoStatus::done;
  };
  Result<Moved> read(std::span<std::byte> into);

  // Takes at most one record (16 KiB). `more`: further bytes follow at once, so that the operating system may send both
  // together. After wants_write the same bytes must be passed again.
  Result<Moved> write(std::span<const std::byte> from, bool more);

  // Announces that nothing more is sent.
  void finish();
  // Closes at once and resets the connection: unlike an orderly end, a reset does not queue behind unacknowledged
  // bytes.
  void reset();

  // Has another executor serve the socket. Nothing may wait for it.
  Result<void> move_to(const boost::asio::any_io_executor& executor);

  SSL* tls() const { return tls_.get(); }
  Socket& socket() { return socket_; }
  const std::string& name() const { return name_; }

  // Reads incoming bytes for a moment, then closes. A close with unread bytes would make the operating system discard
  // sent bytes that it has not delivered yet, such as the reason for which the connection ends.
  static void linger(TlsStream stream);

 private:
  struct Pipe;
  TlsStream(Socket socket, security::Openssl<SSL> tls, std::string name, std::unique_ptr<Pipe> pipe);
  Result<IoStatus> progress(int result);

  Socket socket_;
  std::unique_ptr<Pipe> pipe_;  // OpenSSL's input and output
  security::Openssl<SSL> tls_;
  std::string name_;
};

// Does the handshake within `within` and passes the stream, or the error, to `done`, which is called once, later, on
// the socket's executor.
void shake_hands(TlsStream stream, Duration within, std::function<void(Result<TlsStream>)> done);

}  // namespace exogpu::net
