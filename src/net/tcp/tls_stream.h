// TLS over a TCP socket that never blocks.
//
// Asio waits for the socket; OpenSSL reads and writes it itself. So a payload is decrypted straight into its place and
// encrypted straight from it, without the buffers that lie between in boost::asio::ssl::stream.
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

// Movable until a wait is under way. One thread.
class TlsStream {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // `socket` is connected. `name` of the peer's address is for messages.
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

  // At least one byte unless it wants something. An orderly end of the stream is an error, too: unavailable.
  struct Moved {
    size_t bytes = 0;
    IoStatus progress = IoStatus::done;
  };
  Result<Moved> read(std::span<std::byte> into);

  // At most one record (16 KiB) is taken. `more` bytes follow at once, so that the system may send both together. After
  // wants_write the same bytes must be passed again.
  Result<Moved> write(std::span<const std::byte> from, bool more);

  // Says that nothing more is sent.
  void finish();
  // Closes at once, and the other end is told so: a reset does not queue behind what it has not acknowledged, as the
  // end of what is sent does.
  void reset();

  SSL* tls() const { return tls_.get(); }
  Socket& socket() { return socket_; }
  const std::string& name() const { return name_; }

  // Reads what still arrives, for a moment, and closes: otherwise the system would take back what it has not yet
  // delivered, such as the reason for which the connection ends.
  static void linger(TlsStream stream);

 private:
  struct Pipe;
  TlsStream(Socket socket, security::Openssl<SSL> tls, std::string name, std::unique_ptr<Pipe> pipe);
  Result<IoStatus> progress(int result);

  Socket socket_;
  std::unique_ptr<Pipe> pipe_;  // what OpenSSL reads and writes through
  security::Openssl<SSL> tls_;
  std::string name_;
};

// Shakes hands within `within` and hands the stream on, or the reason why not. `done` is called once, later, on the
// socket's executor.
void shake_hands(TlsStream stream, Duration within, std::function<void(Result<TlsStream>)> done);

}  // namespace exogpu::net
