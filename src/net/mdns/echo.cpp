#include "net/mdns/echo.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <string_view>
#include <system_error>
#include <vector>

namespace exogpu::net {
namespace {

using Clock = std::chrono::steady_clock;
using Packet = std::vector<uint8_t>;

constexpr uint16_t kPort = 5353;

class DatagramSocket {
 public:
  explicit DatagramSocket(int family) : fd_(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  ~DatagramSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;
  int fd() const { return fd_; }

  template <typename T>
  bool set(int level, int option, const T& value) const {
    return ::setsockopt(fd_, level, option, &value, sizeof(value)) == 0;
  }

 private:
  int fd_;
};

// A query for the nodes' service; its id distinguishes it from other queries.
Packet question() {
  std::random_device entropy;
  const auto number = static_cast<uint16_t>(entropy());
  Packet packet{static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  for (const std::string_view label : {"_exo-gpu", "_tcp", "local"}) {
    packet.push_back(static_cast<uint8_t>(label.size()));
    packet.insert(packet.end(), label.begin(), label.end());
  }
  for (const uint8_t byte : {0, 0, 12, 0, 1}) packet.push_back(byte);  // the root, PTR, IN
  return packet;
}

bool join_group(const DatagramSocket& socket, bool ipv6, unsigned interface) {
  const int on = 1;
  if (ipv6) {
    ipv6_mreq group{};
    inet_pton(AF_INET6, "ff02::fb", &group.ipv6mr_multiaddr);
    group.ipv6mr_interface = interface;
    return socket.set(IPPROTO_IPV6, IPV6_JOIN_GROUP, group) && socket.set(IPPROTO_IPV6, IPV6_MULTICAST_IF, interface) &&
           socket.set(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, on);
  }
  ip_mreqn group{};
  inet_pton(AF_INET, "224.0.0.251", &group.imr_multiaddr);
  group.imr_ifindex = static_cast<int>(interface);
  return socket.set(IPPROTO_IP, IP_ADD_MEMBERSHIP, group) && socket.set(IPPROTO_IP, IP_MULTICAST_IF, group) &&
         socket.set(IPPROTO_IP, IP_MULTICAST_LOOP, on);
}

int bind_port(const DatagramSocket& socket, bool ipv6) {
  const int on = 1;
  if (!socket.set(SOL_SOCKET, SO_REUSEADDR, on) || !socket.set(SOL_SOCKET, SO_REUSEPORT, on)) return -1;
  if (ipv6) {
    if (!socket.set(IPPROTO_IPV6, IPV6_V6ONLY, on)) return -1;
    sockaddr_in6 all{};
    all.sin6_family = AF_INET6;
    all.sin6_port = htons(kPort);
    return ::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&all), sizeof(all));
  }
  sockaddr_in all{};
  all.sin_family = AF_INET;
  all.sin_port = htons(kPort);
  return ::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&all), sizeof(all));
}

bool send(const DatagramSocket& socket, bool ipv6, unsigned interface, const Packet& packet) {
  if (ipv6) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(kPort);
    to.sin6_scope_id = interface;
    inet_pton(AF_INET6, "ff02::fb", &to.sin6_addr);
    return ::sendto(socket.fd(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) >=
           0;
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kPort);
  inet_pton(AF_INET, "224.0.0.251", &to.sin_addr);
  return ::sendto(socket.fd(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) >=
         0;
}

// Whether this packet arrives before `until`.
bool arrives(const DatagramSocket& socket, const Packet& packet, Clock::time_point until) {
  std::array<uint8_t, 2048> bytes;
  while (true) {
    const auto remaining = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (remaining <= 0) return false;
    pollfd waits{.fd = socket.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&waits, 1, static_cast<int>(remaining)) <= 0) continue;
    const ssize_t size = ::recv(socket.fd(), bytes.data(), bytes.size(), 0);
    if (size == static_cast<ssize_t>(packet.size()) && std::equal(packet.begin(), packet.end(), bytes.begin())) {
      return true;
    }
  }
}

}  // namespace

EchoResult probe_echo(const std::string& interface, bool ipv6, Duration within) {
  const auto trouble = [](Echo echo) { return EchoResult{echo, std::generic_category().message(errno)}; };
  const unsigned index = if_nametoindex(interface.c_str());
  const DatagramSocket socket(ipv6 ? AF_INET6 : AF_INET);
  if (index == 0 || socket.fd() < 0) return trouble(Echo::cannot_listen);
  if (bind_port(socket, ipv6) != 0) return trouble(errno == EADDRINUSE ? Echo::port_taken : Echo::cannot_listen);
  if (!join_group(socket, ipv6, index)) return trouble(Echo::cannot_listen);
  const auto until = Clock::now() + within;
  // Sends twice, since one packet may be lost.
  for (const int part : {2, 1}) {
    const Packet packet = question();
    if (!send(socket, ipv6, index, packet)) return trouble(Echo::cannot_send);
    if (arrives(socket, packet, until - (part - 1) * within / 2)) return {};
  }
  return {Echo::not_received, "the query did not come back"};
}

}  // namespace exogpu::net
