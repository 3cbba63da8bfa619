// The part of a node that announces it on the local network, and connects to the other nodes of its cluster there.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "net/mdns/discovered.h"
#include "wire/cluster.h"

namespace exogpu::node {

// A discovery that runs until this is destroyed. The call changes the node's own announcement.
using RunningDiscovery = std::move_only_function<void(net::Announcement)>;

// All calls on the node's thread.
struct LocalNetworkHost {
  std::function<void(const wire::Member&)> keep;  // a channel to this member of the cluster
  std::function<bool(wire::NodeId)> connected;
  // Announces this node, and reports others on the node's thread. Errors: unavailable, where the system does not let
  // it.
  std::function<Result<RunningDiscovery>(const net::Announcement& own, net::DiscoveryHandler)> discover;
  // Runs a task on the node's thread after this time.
  std::function<void(std::chrono::milliseconds, std::move_only_function<void()>)> run_after;
  std::function<void(const std::string&)> note;
};

// On the node's thread.
class LocalNetwork {
 public:
  // For the node with the smaller id to open the channel: two that call each other at once hang up on each other first.
  static constexpr std::chrono::milliseconds kOthersTurn{700};

  // `state`: the folder that has the open pairing code, where there is one.
  LocalNetwork(net::Announcement own, std::filesystem::path state, LocalNetworkHost host)
      : own_(std::move(own)), state_(std::move(state)), host_(std::move(host)) {}

  // Announces this node and looks for others. That it cannot is noted; a node can do without.
  void start();
  // Announces the pairing code that `exogpu pair` or `approve` has opened since, or that there is none any more.
  void update_pairing();
  // Announces from now on whether this node can let newcomers in.
  void set_lets_in(bool lets_in);
  // Announces the node by this name from now on.
  void set_name(std::string name);
  // Withdraws the announcement.
  void stop() { discovery_ = nullptr; }

 private:
  void meet(const net::DiscoveredNode& found);

  net::Announcement own_;
  std::filesystem::path state_;
  LocalNetworkHost host_;
  std::shared_ptr<LocalNetwork*> alive_ = std::make_shared<LocalNetwork*>(this);
  RunningDiscovery discovery_;
};

// Whether nodes elsewhere can connect to an address that this one listens on; no loopback address is.
bool reachable_from_network(const std::string& listen_host);

}  // namespace exogpu::node
