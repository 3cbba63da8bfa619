// Uses the kernel's header, since the C library's has fewer fields; one file cannot include both.
#include "net/tcp/system/wire_bytes.h"

#ifdef __linux__
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#endif

namespace exogpu::net {

std::optional<WireBytes> wire_bytes([[maybe_unused]] int socket) {
#ifdef __linux__
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  // An older kernel fills in fewer fields.
  if (size < offsetof(tcp_info, tcpi_bytes_retrans) + sizeof(info.tcpi_bytes_retrans)) return {};
  return WireBytes{.sent = info.tcpi_bytes_sent, .resent = info.tcpi_bytes_retrans};
#else
  return {};
#endif
}

}  // namespace exogpu::net
