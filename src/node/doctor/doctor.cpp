#include "node/doctor/doctor.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <format>
#include <thread>
#include <utility>

#include "net/mdns/echo.h"
#include "node/doctor/others.h"
#include "node/nearby.h"
#include "security/files.h"
#include "security/identity_store.h"

namespace exogpu::node {
namespace {

using net::DiscoveredNode;

// More nodes, and more addresses of each, are not visited.
constexpr size_t kVisitedMax = 16;
constexpr size_t kAddressesMax = 6;

class Doctor {
 public:
  explicit Doctor(const DoctorOptions& options) : options_(options) {
    here_.now = std::chrono::system_clock::now();
    here_.state = options_.state;
    here_.node_runs = security::FileLock::held(options_.state / "node.lock");
  }

  std::vector<Finding> examine() {
    look_at_interfaces();
    look_at_mdns();
    look_at_identity();
    Result<std::vector<DiscoveredNode>> seen;
    {
      const std::jthread browse([&] { seen = discover_nodes(options_.timeout); });
      if (options_.at) look_at_address();
    }
    if (!seen) {
      find(Level::problem, "mdns", seen.error().message, "end the program that holds UDP port 5353 for itself alone");
    } else if (options_.at) {
      compare_with(*seen);
    } else {
      look_at_own_node(*seen);
      look_at_others(*seen);
    }
    return std::move(findings_);
  }

 private:
  void find(Level level, std::string check, std::string what, std::string remedy = {}) {
    findings_.push_back({level, std::move(check), std::move(what), std::move(remedy)});
  }

  void look_at_interfaces() {
    auto read = read_interfaces();
    if (!read) return find(Level::problem, "interface", read.error().message, "let this program read them");
    here_.interfaces = *std::move(read);
    for (Finding& finding : judge_interfaces(here_.interfaces)) findings_.push_back(std::move(finding));
  }

  void look_at_mdns() {
    for (const Interface& one : here_.interfaces) {
      if (!one.usable()) continue;
      for (const bool ipv6 : {false, true}) {
        if (one.has(ipv6)) judge_echo(one, ipv6, net::probe_echo(one.name, ipv6));
      }
    }
  }

  void judge_echo(const Interface& one, bool ipv6, const net::EchoResult& result) {
    const auto where = std::format("{} over {}", one.name, ipv6 ? "IPv6" : "IPv4");
    const std::string open_it = "sudo ufw allow 5353/udp, or sudo firewall-cmd --add-service=mdns";
    switch (result.echo) {
      case net::Echo::received: return find(Level::ok, "mdns", where + ": what is sent comes back");
      case net::Echo::not_received:
        return find(Level::problem, "mdns",
                    where +
                        ": what is sent does not come back: a firewall on this device drops UDP port 5353, and with "
                        "it what other nodes say",
                    open_it);
      case net::Echo::cannot_send:
        return find(
            Level::problem, "mdns",
            std::format("{}: this device does not let itself send to UDP port 5353 ({})", where, result.error_text),
            "a firewall on this device forbids it: " + open_it);
      case net::Echo::port_taken:
        return find(Level::problem, "mdns",
                    where + ": UDP port 5353 is taken by a program that does not share it, so nodes are not found",
                    "find that program with: sudo ss -ulpn 'sport = :5353'; end it, or let it share the port");
      case net::Echo::cannot_listen:
        return find(Level::problem, "mdns", std::format("{}: cannot be listened on ({})", where, result.error_text),
                    "name a node by hand: exogpu serve --join HOST");
    }
  }

  void look_at_identity() {
    auto loaded = security::IdentityStore(options_.state, options_.key_passphrase).load();
    if (!loaded) {
      return find(Level::problem, "identity", loaded.error().message,
                  "without it, this device joins again with `exogpu join`, and `exogpu approve CODE` on one of "
                  "the cluster");
    }
    if (!*loaded) {
      return find(options_.at ? Level::note : Level::problem, "identity", "this device belongs to no cluster yet",
                  "on the first device: exogpu serve MODEL; on every other: `exogpu join`, and `exogpu approve CODE` "
                  "on the first");
    }
    identity_ = *std::move(*loaded);
    here_.identity = &*identity_;
    find(Level::ok, "identity",
         std::format("node {} of the cluster {}", identity_->node().short_text(), identity_->cluster().short_text()));
    const auto node = identity_->certificate().validity();
    const auto cluster = identity_->authority().validity();
    const auto from = std::max(node.from, cluster.from);
    const auto to = std::min(node.to, cluster.to);
    const std::string now = security::date_text(here_.now);
    if (here_.now < from) {
      find(Level::problem, "clock",
           std::format("this device's clock says {}, but its certificate begins to be valid at {}: the clock is wrong, "
                       "or was when the certificate was made",
                       now, security::date_text(from)),
           "set the clock (sudo timedatectl set-ntp true); if it is right, join again with `exogpu join`");
    } else if (here_.now > to) {
      find(Level::problem, "clock",
           std::format("this device's clock says {}, but its certificate was valid until {}", now,
                       security::date_text(to)),
           "set the clock (sudo timedatectl set-ntp true); if it is right, start the node, which renews its "
           "certificate");
    } else {
      find(Level::ok, "clock", std::format("{}, within what the certificate allows", now));
    }
  }

  bool port_taken() const {
    boost::asio::io_context io;
    boost::system::error_code error;
    using boost::asio::ip::tcp;
    for (const tcp protocol : {tcp::v6(), tcp::v4()}) {
      tcp::acceptor acceptor(io);
      if (acceptor.open(protocol, error)) continue;
      acceptor.set_option(tcp::acceptor::reuse_address(true), error);
      acceptor.bind({protocol, options_.link_port}, error);
      if (!error) acceptor.listen(1, error);
      if (error == boost::asio::error::address_in_use) return true;
    }
    return false;
  }

  void look_at_own_node(const std::vector<DiscoveredNode>& seen) {
    if (!here_.node_runs) {
      if (port_taken()) {
        return find(Level::problem, "port",
                    std::format("port {} is in use, and not by a node of this user", options_.link_port),
                    std::format("choose another: exogpu serve --listen :{}; the others find it all the same. The "
                                "program that has it: sudo ss -tlpn 'sport = :{}'",
                                options_.link_port + 1, options_.link_port));
      }
      if (!identity_) return;
      return find(Level::problem, "node", "no node runs on this device", "exogpu serve, or exogpu serve MODEL");
    }
    if (!identity_) return;
    const auto own =
        std::ranges::find(seen, identity_->node(), [](const auto& node) { return node.announcement.node; });
    if (own == seen.end()) {
      return find(Level::problem, "node", "a node runs on this device, but does not show itself on the network",
                  "start it without --no-discovery, and without --listen on an address of this device alone");
    }
    find(Level::ok, "node",
         std::format("{} runs on this device, listens at port {}, and shows itself", own->announcement.name,
                     own->announcement.port));
  }

  bool ours(const DiscoveredNode& node) const {
    return identity_ && node.announcement.cluster == identity_->cluster() &&
           node.announcement.node != identity_->node();
  }

  void look_at_others(std::vector<DiscoveredNode> seen) {
    // Without a node here, one of this identity is on another device.
    std::erase_if(seen, [&](const auto& node) {
      return here_.node_runs && identity_ && node.announcement.node == identity_->node();
    });
    std::ranges::stable_partition(seen, [&](const auto& node) { return ours(node); });
    const auto members = std::ranges::count_if(seen, [&](const auto& node) { return ours(node); });
    if (seen.size() > kVisitedMax) {
      find(Level::note, "others",
           std::format("{} nodes are seen; the first {} are looked at", seen.size(), kVisitedMax));
      seen.resize(kVisitedMax);
    }
    std::vector<std::vector<Visited>> visits;
    for (const DiscoveredNode& node : seen) {
      visits.emplace_back();
      for (const std::string& address : node.addresses) {
        if (visits.back().size() < kAddressesMax) visits.back().push_back({address, node.announcement.port, {}});
      }
    }
    visit(visits);
    const Level alien = members > 0 || !identity_ ? Level::note : Level::problem;
    for (size_t i = 0; i < seen.size(); ++i) {
      for (Finding& finding : judge_other(seen[i].announcement.name, seen[i].announcement, visits[i], here_, alien)) {
        findings_.push_back(std::move(finding));
      }
    }
    if (members > 0 || (!identity_ && !seen.empty())) return;
    find(Level::problem, "others",
         seen.empty() ? "no other node is seen on this network" : "no other node of this device's cluster is seen",
         "is `exogpu serve` running there, and in the same network (not a Wi-Fi for guests)? Run `exogpu doctor` there "
         "too, and here with its address: exogpu doctor HOST");
  }

  void visit(std::vector<std::vector<Visited>>& visits) {
    std::vector<std::jthread> threads;
    for (auto& node : visits) {
      for (Visited& one : node) {
        threads.emplace_back([&] { one.visit = net::visit(one.address, one.port, here_.identity); });
      }
    }
  }

  void look_at_address() {
    boost::asio::io_context io;
    boost::asio::ip::tcp::resolver resolver(io);
    boost::system::error_code error;
    const auto found = resolver.resolve(options_.at->host, std::to_string(options_.at->port), error);
    if (error) {
      return find(Level::problem, "address",
                  std::format("{}: this name is not known ({})", options_.at->host, error.message()),
                  "give the device's address instead; `exogpu doctor` there tells it");
    }
    std::vector<std::vector<Visited>> visits(1);
    for (const auto& entry : found) {
      const std::string address = entry.endpoint().address().to_string();
      if (visits[0].size() >= kAddressesMax || std::ranges::contains(visits[0], address, &Visited::address)) continue;
      visits[0].push_back({address, options_.at->port, {}});
    }
    visit(visits);
    for (const Visited& one : visits[0]) {
      if (one.visit.identity && *one.visit.identity) visited_ = (*one.visit.identity)->node;
    }
    for (Finding& finding : judge_other(options_.at->host, {}, visits[0], here_, Level::problem)) {
      findings_.push_back(std::move(finding));
    }
  }

  // Whether the network shows what was reached by its address.
  void compare_with(const std::vector<DiscoveredNode>& seen) {
    if (!visited_ || (identity_ && *visited_ == identity_->node())) return;
    if (std::ranges::contains(seen, *visited_, [](const auto& node) { return node.announcement.node; })) {
      return find(Level::ok, "others", std::format("{} is also found by itself (mDNS)", options_.at->host));
    }
    find(Level::note, "others", std::format("{} is reached, but not found by itself (mDNS)", options_.at->host),
         std::format("in another network that is as it should be: exogpu serve --join {0}. In the same one, a firewall "
                     "there or the network drops UDP port 5353, or it was started with --no-discovery",
                     options_.at->host));
  }

  const DoctorOptions& options_;
  Here here_;
  std::optional<security::Identity> identity_;
  std::optional<wire::NodeId> visited_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> diagnose(const DoctorOptions& options) { return Doctor(options).examine(); }

}  // namespace exogpu::node
