// How a node shows itself on the local network, and meets the others of its cluster there.
#include <boost/asio/steady_timer.hpp>
#include <format>
#include <memory>

#include "node/node_impl.h"
#include "security/pairing/store.h"

namespace exogpu::node {
namespace {

constexpr std::chrono::milliseconds kTurn{700};

}  // namespace

void Node::Impl::look_around() {
  const std::string& host = options_.listen.host;
  const bool reachable = !host.starts_with("127.") && host != "::1" && host != "localhost";
  if (!options_.discover || !reachable) return;
  announced_ = {.node = parts_.identity.node(),
                .name = options_.name,
                .version = wire::own_versions().program,
                .cluster = parts_.identity.cluster(),
                .port = port_,
                .lets_in = parts_.join != nullptr};
  const auto meet = [this](const net::DiscoveredNode& found) {
    if (found.said.cluster != parts_.identity.cluster()) return;
    const wire::Member member{.node = found.said.node,
                              .name = found.said.name,
                              .addresses = found.addresses,
                              .link_port = found.said.port,
                              .api_url = {}};
    if (parts_.identity.node() < member.node) return peers_->keep(member);
    // The other's turn, since two that call each other hang up on each other first; but it may be that it cannot.
    auto turn = std::make_shared<boost::asio::steady_timer>(io_, kTurn);
    turn->async_wait([this, turn, member](const boost::system::error_code& stopped) {
      if (!stopped && !peers_->connected(member.node)) peers_->keep(member);
    });
  };
  auto started = net::Discovery::start(
      io_.get_executor(), announced_,
      {.on_found = meet, .on_changed = meet, .on_gone = {}, .on_trouble = [this](const Error& why) {
         note(why.message);
       }});
  if (!started) {
    return note(
        std::format("{}; other nodes do not find this one by themselves, and need --join", started.error().message));
  }
  discovery_ = *std::move(started);
}

void Node::Impl::tell_pairing() {
  if (!discovery_ || !parts_.join) return;
  const auto pairing = security::PairingStore(options_.state).open(std::chrono::system_clock::now());
  if (pairing == announced_.pairing) return;
  announced_.pairing = pairing;
  discovery_->announce(announced_);
}

}  // namespace exogpu::node
