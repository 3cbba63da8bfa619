// A client's connection as the server sees it: bytes in clear, and where they come from.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <string>

namespace exogpu::api {

// Of a TCP connection, or of the inner end of one that speaks TLS (tls/front.h).
using PlainSocket = boost::asio::generic::stream_protocol::socket;

struct ClientAddress {
  std::string text{};     // an IP address
  bool loopback = false;  // of this machine
};

struct ClientSocket {
  PlainSocket socket;
  ClientAddress client;
};

}  // namespace exogpu::api
