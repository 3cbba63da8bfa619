#include "node/local_network.h"

#include <format>

#include "security/pairing/store.h"

namespace exogpu::node {

void LocalNetwork::start() {
  const auto on_found = [this](const net::DiscoveredNode& found) { meet(found); };
  auto started = host_.discover(
      own_, {.on_found = on_found, .on_changed = on_found, .on_gone = {}, .on_trouble = [this](const Error& why) {
               host_.note(why.message);
             }});
  if (!started) {
    host_.note(
        std::format("{}; other nodes do not find this one by themselves, and need --join", started.error().message));
    return;
  }
  discovery_ = *std::move(started);
}

void LocalNetwork::meet(const net::DiscoveredNode& found) {
  if (found.announcement.cluster != own_.cluster) return;
  const wire::Member member{.node = found.announcement.node,
                            .name = found.announcement.name,
                            .addresses = found.addresses,
                            .link_port = found.announcement.port,
                            .api_url = {}};
  if (own_.node < member.node) return host_.keep(member);
  host_.run_after(kOthersTurn, [alive = std::weak_ptr(alive_), member] {
    const auto self = alive.lock();
    if (self && !(*self)->host_.connected(member.node)) (*self)->host_.keep(member);
  });
}

void LocalNetwork::update_pairing() {
  if (!discovery_ || !own_.lets_in) return;
  const auto pairing = security::PairingStore(state_).open(std::chrono::system_clock::now());
  if (pairing == own_.pairing) return;
  own_.pairing = pairing;
  discovery_(own_);
}

void LocalNetwork::set_lets_in(bool lets_in) {
  own_.lets_in = lets_in;
  if (discovery_) discovery_(own_);
}

void LocalNetwork::set_name(std::string name) {
  own_.name = std::move(name);
  if (discovery_) discovery_(own_);
}

bool reachable_from_network(const std::string& listen_host) {
  return !listen_host.starts_with("127.") && listen_host != "::1" && listen_host != "localhost";
}

}  // namespace exogpu::node
