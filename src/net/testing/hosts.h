// Hosts on one wire, for tests: network namespaces on a bridge, each with its own eth0. Needs root; elsewhere the tests
// use the loopback interface and print so.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <format>
#include <string>
#include <thread>

namespace exogpu::net::testing {

class Hosts {
 public:
  // Host N has the addresses 10.77.0.N, fd77::N and fe80::N.
  explicit Hosts(int count) : name_(std::format("exo{}", getpid())), count_(count) {
    separate_ = geteuid() == 0 && build();
    if (!separate_) std::puts("no network namespaces on this machine: on its loopback instead");
  }
  ~Hosts() {
    for (int host = 0; host <= count_; ++host) (void)run(std::format("ip netns del {}", host_name(host)));
  }
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;

  // Whether the hosts have network namespaces.
  bool separate() const { return separate_; }

  // Runs `ip` with these arguments on that host, counted from one.
  bool ip(int host, const std::string& arguments) const {
    return run(std::format("ip -n {} {}", host_name(host), arguments));
  }

  // Calls `what` on that host; threads that it starts stay there.
  template <typename What>
  void on(int host, What what) const {
    std::thread([&] {
      if (separate_) {
        const int fd = ::open(std::format("/run/netns/{}", host_name(host)).c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0 || ::setns(fd, CLONE_NEWNET) != 0) std::abort();
        ::close(fd);
      }
      what();
    }).join();
  }

 private:
  std::string host_name(int host) const { return std::format("{}-{}", name_, host); }
  static bool run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

  bool build() const {
    const std::string bridge = host_name(0);
    if (!run("ip netns add " + bridge)) return false;
    if (!ip(0, "link add br0 type bridge mcast_snooping 0") || !ip(0, "link set br0 up")) return false;
    for (int host = 1; host <= count_; ++host) {
      const bool good =
          run("ip netns add " + host_name(host)) &&
          ip(0, std::format("link add port{} type veth peer name eth0 netns {}", host, host_name(host))) &&
          ip(0, std::format("link set port{} master br0 up", host)) && ip(host, "link set lo up") &&
          ip(host, "link set eth0 addrgenmode none") &&
          ip(host, std::format("addr add 10.77.0.{}/24 dev eth0", host)) &&
          ip(host, std::format("addr add fd77::{}/64 dev eth0 nodad", host)) &&
          ip(host, std::format("addr add fe80::{}/64 dev eth0 nodad", host)) && ip(host, "link set eth0 up");
      if (!good) return false;
    }
    return true;
  }

  std::string name_;
  int count_;
  bool separate_ = false;
};

}  // namespace exogpu::net::testing
