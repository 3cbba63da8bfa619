// Plain OpenSSL TLS over loopback with blocking calls: the reference for the benchmarks.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <print>
#include <thread>
#include <utility>

#include "security/tls.h"

namespace exogpu::bench {

inline void require(bool good, const char* what) {
  if (good) return;
  std::println(stderr, "bench: {}", what);
  std::exit(1);
}

struct Bare {
  security::Openssl<SSL> tls;
  int fd = -1;
};

inline void send_all(SSL* tls, const std::byte* bytes, size_t size) {
  while (size > 0) {
    const int n = SSL_write(tls, bytes, static_cast<int>(std::min<size_t>(size, 1 << 20)));
    require(n > 0, "SSL_write failed");
    bytes += n;
    size -= static_cast<size_t>(n);
  }
}

inline void receive_all(SSL* tls, std::byte* bytes, size_t size) {
  while (size > 0) {
    const int n = SSL_read(tls, bytes, static_cast<int>(std::min<size_t>(size, 1 << 20)));
    require(n > 0, "SSL_read failed");
    bytes += n;
    size -= static_cast<size_t>(n);
  }
}

inline std::pair<Bare, Bare> connect_bare(const security::TlsContext& context) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  require(bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(listener, 1) == 0 &&
              getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0,
          "cannot listen");
  Bare client, server;
  client.fd = socket(AF_INET, SOCK_STREAM, 0);
  require(connect(client.fd, reinterpret_cast<sockaddr*>(&address), size) == 0, "cannot connect");
  server.fd = accept(listener, nullptr, nullptr);
  close(listener);
  const int on = 1;
  for (Bare* end : {&client, &server}) {
    setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    end->tls = context.connection(end == &client ? security::TlsSide::client : security::TlsSide::server).value();
    SSL_set_fd(end->tls.get(), end->fd);
  }
  std::jthread shake([&] { require(SSL_do_handshake(server.tls.get()) == 1, "handshake"); });
  require(SSL_do_handshake(client.tls.get()) == 1, "handshake");
  return {std::move(client), std::move(server)};
}

}  // namespace exogpu::bench
