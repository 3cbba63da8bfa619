// TLS in front of the server: takes connections, and hands out what is inside as a plain socket.
//
// The first byte tells TLS from plain HTTP. A connection that speaks TLS gets a pair of sockets: the server has one
// end, and the front carries the bytes between the other one and the client. So the server knows nothing of TLS, and
// the end of either side, or its loss, is what it is for a plain connection.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <set>

#include "api/tls/certificate.h"
#include "api/tls/peer_socket.h"

namespace exogpu::api {

// One thread, that of the sockets' executor.
class TlsFront {
 public:
  using Taken = std::function<void(ClientSocket)>;

  // `handshake_max`: for the first byte and the handshake. `taken` gets each connection that is ready.
  TlsFront(TlsCertificate certificate, std::chrono::milliseconds handshake_max, Taken taken)
      : certificate_(std::move(certificate)), handshake_max_(handshake_max), taken_(std::move(taken)) {}
  ~TlsFront();
  TlsFront(const TlsFront&) = delete;
  TlsFront& operator=(const TlsFront&) = delete;

  // Plain HTTP of another machine is refused, since its key and its texts could be read.
  void take(boost::asio::ip::tcp::socket socket, ClientAddress client);
  // Connections that are not ready yet.
  size_t handshakes() const { return handshakes_.size(); }
  // Closes those. The connections that are ready end with the server's sockets, and quickly from now on.
  void stop();

 private:
  class Handshake;
  class Carrier;

  TlsCertificate certificate_;
  std::chrono::milliseconds handshake_max_;
  Taken taken_;
  std::set<Handshake*> handshakes_;
  std::shared_ptr<std::set<Carrier*>> carriers_ = std::make_shared<std::set<Carrier*>>();  // outlives this object
};

}  // namespace exogpu::api
