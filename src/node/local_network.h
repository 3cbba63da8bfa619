// The part of a node that shows it on the local network, and meets the other nodes of its cluster there.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "net/mdns/discovery.h"
#include "wire/cluster.h"

namespace exogpu::node {

struct LocalNetworkHost {
  std::function<void(const wire::Member&)> keep;  // a channel to this member of the cluster
  std::function<bool(wire::NodeId)> connected;
  std::function<void(const std::string&)> note;
};

// On the executor's thread.
class LocalNetwork {
 public:
  // `state`: the folder that has the open pairing code, where there is one.
  LocalNetwork(boost::asio::any_io_executor executor, net::Announcement own, std::filesystem::path state,
               LocalNetworkHost host);

  // Announces this node and looks for others. That it cannot is noted; a node can do without.
  void start();
  // Announces the pairing code that `exogpu pair` or `approve` has opened since, or that there is none any more.
  void update_pairing();
  // Takes leave of the network.
  void stop() { discovery_.reset(); }

 private:
  void meet(const net::DiscoveredNode& found);

  boost::asio::any_io_executor executor_;
  net::Announcement own_;
  std::filesystem::path state_;
  LocalNetworkHost host_;
  std::unique_ptr<net::Discovery> discovery_;
};

// Whether nodes elsewhere can connect to an address that this one listens on; no loopback address is.
bool reachable_from_network(const std::string& listen_host);

}  // namespace exogpu::node
