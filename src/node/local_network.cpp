#include "node/local_network.h"

#include <boost/asio/steady_timer.hpp>
#include <format>

#include "security/pairing/store.h"

namespace exogpu::node {
namespace {

// For the node with the smaller id to open the channel: two that call each other at once hang up on each other first.
constexpr std::chrono::milliseconds kOthersTurn{700};

}  // namespace

LocalNetwork::LocalNetwork(boost::asio::any_io_executor executor, net::Announcement own, std::filesystem::path state,
                           LocalNetworkHost host)
    : executor_(std::move(executor)), own_(std::move(own)), state_(std::move(state)), host_(std::move(host)) {}

void LocalNetwork::start() {
  const auto on_found = [this](const net::DiscoveredNode& found) { meet(found); };
  auto started = net::Discovery::start(
      executor_, own_,
      {.on_found = on_found, .on_changed = on_found, .on_gone = {}, .on_trouble = [this](const Error& why) {
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
  if (found.said.cluster != own_.cluster) return;
  const wire::Member member{.node = found.said.node,
                            .name = found.said.name,
                            .addresses = found.addresses,
                            .link_port = found.said.port,
                            .api_url = {}};
  if (own_.node < member.node) return host_.keep(member);
  auto turn = std::make_shared<boost::asio::steady_timer>(executor_, kOthersTurn);
  turn->async_wait([this, turn, member](const boost::system::error_code& cancelled) {
    if (!cancelled && !host_.connected(member.node)) host_.keep(member);
  });
}

void LocalNetwork::update_pairing() {
  if (!discovery_ || !own_.lets_in) return;
  const auto pairing = security::PairingStore(state_).open(std::chrono::system_clock::now());
  if (pairing == own_.pairing) return;
  own_.pairing = pairing;
  discovery_->announce(own_);
}

bool reachable_from_network(const std::string& listen_host) {
  return !listen_host.starts_with("127.") && listen_host != "::1" && listen_host != "localhost";
}

}  // namespace exogpu::node
