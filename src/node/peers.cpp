#include "node/peers.h"

#include <algorithm>
#include <format>
#include <limits>

namespace exogpu::node {

// A channel and what it tells the node.
struct Peers::Link final : net::ChannelHandler {
  Peers* peers = nullptr;
  std::unique_ptr<net::Channel> channel;
  wire::NodeId node;
  net::LinkOrigin origin;

  std::optional<std::span<std::byte>> place(const wire::FrameHeader& header) override {
    return peers->handler_->place(node, header);
  }
  void on_frame(const wire::FrameHeader& header, std::span<const std::byte> payload) override {
    peers->handler_->on_frame(node, header, payload);
  }
  void on_abandoned(const wire::FrameHeader& header) override { peers->handler_->on_abandoned(node, header); }
  void on_room(net::Lane lane) override { peers->handler_->on_room(node, lane); }
  void on_closed(const Error& reason) override { peers->closed(*this, reason); }
};

// Somebody to keep a channel to.
struct Peers::Target {
  explicit Target(const boost::asio::any_io_executor& executor) : timer(executor) {}
  std::optional<wire::NodeId> node;
  std::vector<std::string> addresses;
  uint16_t port = 0;
  size_t next = 0;  // address to try
  std::function<void(const Error&)> on_refused;
  bool trying = false;                          // or waiting to
  bool under_way = false;                       // an attempt, and not the wait for one
  uint32_t failed = 0;                          // attempts since the last that did not
  std::optional<net::SteadyTime> forgotten_at;  // of one that was let go
  net::Connecting connecting;
  boost::asio::steady_timer timer;
};

Peers::Peers(boost::asio::any_io_executor executor, const security::TlsContext& tls, net::LinkSelf self,
             PeersOptions options, PeerHandler& handler)
    : executor_(std::move(executor)), tls_(&tls), self_(std::move(self)), options_(options), handler_(&handler) {
  options_.retry.attempts = std::numeric_limits<uint32_t>::max();
}

Peers::~Peers() {
  for (auto& target : targets_) {
    target->timer.cancel();
    target->connecting.cancel();
  }
}

std::vector<wire::NodeId> Peers::connected_nodes() const {
  std::vector<wire::NodeId> nodes;
  for (const auto& [node, link] : links_) nodes.push_back(node);
  return nodes;
}

net::Channel* Peers::channel(wire::NodeId node) {
  const auto found = links_.find(node);
  return found == links_.end() ? nullptr : found->second->channel.get();
}

std::string Peers::name_of(wire::NodeId node) const {
  const auto found = names_.find(node);
  return found == names_.end() ? node.short_text() : found->second;
}

Result<void> Peers::send(wire::NodeId to, net::Outgoing frame) {
  const auto found = links_.find(to);
  if (found == links_.end()) return fail(ErrorCode::unavailable, "there is no connection to node {}", name_of(to));
  auto sent = found->second->channel->send(std::move(frame));
  if (!sent) return fail(sent.error().code, "node {}: {}", name_of(to), sent.error().message);
  return {};
}

void Peers::add(std::unique_ptr<net::Channel> channel, bool opened_here) {
  auto link = std::make_shared<Link>();
  link->peers = this;
  link->node = channel->peer().node;
  if (link->node == self_.node) return;  // an address of this node; the channel is closed
  link->origin = {.opener = opened_here ? self_.node : link->node, .peer_incarnation = channel->peer().incarnation};
  link->channel = std::move(channel);
  const auto found = links_.find(link->node);
  if (found != links_.end()) {
    if (!net::second_link_replaces(found->second->origin, link->origin)) return;  // the new one is closed
    const auto old = std::move(found->second);
    links_.erase(found);
    handler_->on_down(old->node, {ErrorCode::unavailable, std::format("node {} was started anew", name_of(old->node))});
  }
  links_[link->node] = link;
  link->channel->start(*link);
  handler_->on_up(link->node);
}

void Peers::closed(Link& link, const Error& why) {
  const auto found = links_.find(link.node);
  if (found == links_.end() || found->second.get() != &link) return;
  const auto kept = std::move(found->second);  // until this call is over
  links_.erase(found);
  handler_->on_down(kept->node, why);
  for (const auto& target : std::vector(targets_)) {
    if (target->node != kept->node || target->trying) continue;
    target->failed = 0;
    again(target);
  }
}

void Peers::close(wire::NodeId node, const Error& why) {
  if (net::Channel* open = channel(node)) open->close(why);
}

void Peers::keep(const wire::Member& member) {
  if (member.node == self_.node || member.addresses.empty()) return;
  set_name(member.node, member.name);
  const auto known = std::ranges::find(targets_, std::optional(member.node), &Target::node);
  if (known != targets_.end()) {
    const auto& target = *known;
    const bool news = target->forgotten_at || target->addresses != member.addresses || target->port != member.link_port;
    target->forgotten_at.reset();
    target->addresses = member.addresses;
    target->port = member.link_port;
    if (!news || connected(member.node)) return;
    target->failed = 0;
    // What is under way may be a channel for the other end already, which would see a link break.
    if (target->under_way) return;
    target->timer.cancel();
    return attempt(target);
  }
  auto target = std::make_shared<Target>(executor_);
  target->node = member.node;
  target->addresses = member.addresses;
  target->port = member.link_port;
  targets_.push_back(target);
  attempt(target);
}

void Peers::leave_calling(wire::NodeId node) {
  std::erase_if(targets_, [&](const std::shared_ptr<Target>& target) {
    if (target->node != node || target->on_refused || target->under_way) return false;
    target->timer.cancel();
    return true;
  });
}

void Peers::let_go_but(const std::vector<wire::Member>& members) {
  for (const auto& target : targets_) {
    if (!target->node || target->on_refused || target->forgotten_at) continue;
    if (std::ranges::contains(members, *target->node, &wire::Member::node)) continue;
    target->forgotten_at = std::chrono::steady_clock::now() + options_.forget_after;
  }
}

void Peers::dial(const std::string& host, uint16_t port, std::function<void(const Error&)> on_refused) {
  auto target = std::make_shared<Target>(executor_);
  target->addresses = {host};
  target->port = port;
  target->on_refused = std::move(on_refused);
  targets_.push_back(target);
  attempt(target);
}

void Peers::attempt(const std::shared_ptr<Target>& target) {
  if (target->under_way || (target->node && connected(*target->node))) return;
  target->trying = target->under_way = true;
  net::ConnectOptions options;
  options.host = target->addresses[target->next++ % target->addresses.size()];
  options.port = target->port;
  options.expected = target->node;
  options.backoff.attempts = 1;
  options.channel = options_.channel;
  target->connecting =
      net::connect(executor_, *tls_, self_, options,
                   [this, weak = std::weak_ptr(target)](Result<std::unique_ptr<net::Channel>> made) {
                     const auto at = weak.lock();
                     if (!at) return;
                     at->trying = at->under_way = false;
                     if (!made) {
                       if (at->on_refused) at->on_refused(made.error());
                       // This node itself, for one: it does not become another by trying again.
                       if (made.error().code != ErrorCode::invalid_argument) again(at);
                       return;
                     }
                     at->failed = 0;
                     at->node = (*made)->peer().node;
                     if (at->node == self_.node && at->on_refused) {
                       at->on_refused({ErrorCode::invalid_argument, "this node was told to join itself"});
                     }
                     add(*std::move(made), true);
                   });
}

void Peers::again(const std::shared_ptr<Target>& target) {
  if (target->forgotten_at && std::chrono::steady_clock::now() >= *target->forgotten_at) {
    std::erase(targets_, target);
    return;
  }
  target->trying = true;
  const uint64_t seed = self_.incarnation + target->port;
  target->timer.expires_after(*net::backoff_after(++target->failed, options_.retry, seed));
  target->timer.async_wait([this, weak = std::weak_ptr(target)](const boost::system::error_code& stopped) {
    const auto at = weak.lock();
    if (stopped || !at) return;
    at->trying = false;
    attempt(at);
  });
}

}  // namespace exogpu::node
