#include "node/peers.h"

#include <algorithm>
#include <format>
#include <limits>
#include <utility>

namespace exogpu::node {

// A channel and the handler of its events.
struct Peers::Link final : net::ChannelHandler {
  Peers* peers = nullptr;
  std::unique_ptr<net::Channel> channel;
  wire::NodeId node;
  net::LinkOrigin origin;

  std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader& header) override {
    return peers->handler_->receive_buffer(node, header);
  }
  void on_frame(const wire::FrameHeader& header, std::span<const std::byte> payload) override {
    peers->handler_->on_frame(node, header, payload);
  }
  void on_abandoned(const wire::FrameHeader& header) override { peers->handler_->on_abandoned(node, header); }
  void on_writable(net::Lane lane) override { peers->handler_->on_writable(node, lane); }
  void on_closed(const Error& reason) override { peers->closed(*this, reason); }
};

// Two processes, one behind a channel in links_ and one behind `later`, claim to be the same node.
struct Peers::Contest {
  std::shared_ptr<Link> later;  // not started
  net::IdentityProbe probe;     // of the earlier
  boost::asio::steady_timer timer;
};

// A node, or an address, to which a channel is kept open.
struct Peers::Target {
  explicit Target(const boost::asio::any_io_executor& executor) : timer(executor) {}
  std::optional<wire::NodeId> node;
  std::vector<std::string> addresses;
  uint16_t port = 0;
  size_t next = 0;  // address to try
  std::function<void(const Error&)> on_refused;
  bool trying = false;                          // or waiting to
  bool dialling = false;                        // an attempt, and not the wait for one
  uint32_t failed = 0;                          // attempts since the last that did not
  std::optional<net::SteadyTime> forgotten_at;  // of one that was let go
  net::Connecting connecting;
  boost::asio::steady_timer timer;
};

Peers::Peers(boost::asio::any_io_executor executor, const security::TlsContext& tls, net::LinkSelf self,
             PeersOptions options, PeerHandler& handler)
    : executor_(std::move(executor)),
      tls_(&tls),
      self_(std::move(self)),
      options_(std::move(options)),
      handler_(&handler) {
  options_.retry.attempts = std::numeric_limits<uint32_t>::max();
}

Peers::~Peers() {
  for (auto& calling : calls_) calling->cancel();
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
  if (options_.admits) {
    if (const auto admitted = options_.admits(link->node); !admitted) return channel->close(admitted.error());
  }
  link->origin = {.opener = opened_here ? self_.node : link->node, .peer_incarnation = channel->peer().incarnation};
  link->channel = std::move(channel);
  const auto found = links_.find(link->node);
  if (found != links_.end()) {
    switch (net::judge_later_link(found->second->origin, link->origin)) {
      case net::LaterLink::refuse: return;  // which closes it
      case net::LaterLink::probe: return probe(std::move(link));
      case net::LaterLink::replace: break;
    }
    // The earlier process opened another channel, so it lives.
    if (const auto contest = contests_.extract(link->node)) refuse(*contest.mapped()->later);
  }
  take(std::move(link));
}

// Replaces the channel of this node, where there is one.
void Peers::take(std::shared_ptr<Link> link) {
  Link& taken = *link;
  const wire::NodeId node = taken.node;
  if (const auto old = links_.extract(node)) {
    const Error why{ErrorCode::unavailable, std::format("node {} was restarted", name_of(node))};
    handler_->on_down(node, why);
  }
  links_[node] = std::move(link);
  taken.channel->start(taken);
  handler_->on_up(node);
}

void Peers::probe(std::shared_ptr<Link> later) {
  const wire::NodeId node = later->node;
  // So that it waits for longer than for a channel that does not listen.
  later->channel->watch(options_.channel.ping_interval, 10 * net::kIdentityProbeMax);
  contests_[node] = std::make_unique<Contest>(
      Contest{.later = std::move(later),
              .probe = net::IdentityProbe(*links_.at(node)->channel, std::chrono::steady_clock::now()),
              .timer = boost::asio::steady_timer(executor_)});
  judge(node);
}

void Peers::judge(wire::NodeId node) {
  using Verdict = net::IdentityProbe::Verdict;
  const auto found = contests_.find(node);
  if (found == contests_.end()) return;
  Contest& contest = *found->second;
  const Verdict verdict = contest.probe.check(*links_.at(node)->channel, std::chrono::steady_clock::now());
  if (verdict == Verdict::undecided) {
    contest.timer.expires_after(net::kIdentityProbePoll);
    contest.timer.async_wait([this, node](const boost::system::error_code& stopped) {
      if (!stopped) judge(node);
    });
    return;
  }
  const auto over = std::move(found->second);
  contests_.erase(found);
  if (verdict == Verdict::earlier_dead) return take(std::move(over->later));
  refuse(*over->later);
}

void Peers::refuse(const Link& later) {
  const std::string address = later.channel->peer().address;
  later.channel->close({ErrorCode::already_exists,
                        std::format("another process has this node's identity ({}) and is part of the cluster",
                                    later.node.short_text())});
  handler_->on_second_identity(later.node, address);
}

void Peers::accept_failed(const Error& why) {
  if (why.code == ErrorCode::already_exists) handler_->on_second_identity(self_.node, why.message);
}

void Peers::identity_in_use(const Error& why) {
  if (std::exchange(in_use_, true)) return;
  for (const auto& target : targets_) target->timer.cancel();
  handler_->on_identity_in_use(why);
}

void Peers::closed(Link& link, const Error& why) {
  const auto found = links_.find(link.node);
  if (found == links_.end() || found->second.get() != &link) return;
  const auto closed_link = std::move(found->second);  // until this call is over
  links_.erase(found);
  handler_->on_down(closed_link->node, why);
  if (why.code == ErrorCode::already_exists) return identity_in_use(why);
  if (const auto contest = contests_.extract(closed_link->node)) return take(std::move(contest.mapped()->later));
  for (const auto& target : std::vector(targets_)) {
    if (target->node != closed_link->node || target->trying) continue;
    target->failed = 0;
    again(target);
  }
}

void Peers::close(wire::NodeId node, const Error& why) {
  if (net::Channel* open = channel(node)) open->close(why);
}

void Peers::expel(wire::NodeId node, const Error& why) {
  std::erase_if(targets_, [&](const std::shared_ptr<Target>& target) {
    if (target->node != node) return false;
    target->timer.cancel();
    return true;
  });
  contests_.erase(node);
  close(node, why);
}

void Peers::keep_connected(const wire::Member& member) {
  if (member.node == self_.node || member.addresses.empty()) return;
  if (options_.admits && !options_.admits(member.node)) return;
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
    // The attempt in flight may be a channel for the other end already, which would observe a lost link.
    if (target->dialling) return;
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
    if (target->node != node || target->on_refused || target->dialling) return false;
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

void Peers::call(const std::string& host, uint16_t port, std::function<void(Result<wire::NodeId>)> done) {
  const auto calling = std::make_shared<net::Connecting>();
  calls_.push_back(calling);
  const net::ConnectOptions options{
      .host = host, .port = port, .backoff = {.attempts = 1}, .channel = options_.channel};
  *calling = net::connect(
      executor_, *tls_, self_, options,
      [this, done = std::move(done), weak = std::weak_ptr(calling)](Result<std::unique_ptr<net::Channel>> opened) {
        const auto ended = weak.lock();
        if (!ended) return;
        std::erase(calls_, ended);
        if (!opened) return done(std::unexpected(opened.error()));
        const wire::NodeId node = (*opened)->peer().node;
        if (node == self_.node)
          return done(fail(ErrorCode::invalid_argument, "this address is that of this node itself"));
        add(*std::move(opened), true);
        done(node);
      });
}

void Peers::attempt(const std::shared_ptr<Target>& target) {
  if (in_use_ || target->dialling || (target->node && connected(*target->node))) return;
  target->trying = target->dialling = true;
  net::ConnectOptions options;
  options.host = target->addresses[target->next++ % target->addresses.size()];
  options.port = target->port;
  options.expected = target->node;
  options.backoff.attempts = 1;
  options.channel = options_.channel;
  target->connecting =
      net::connect(executor_, *tls_, self_, options,
                   [this, weak = std::weak_ptr(target)](Result<std::unique_ptr<net::Channel>> opened) {
                     const auto at = weak.lock();
                     if (!at) return;
                     at->trying = at->dialling = false;
                     if (!opened) {
                       // At the first attempt: the other process was there before this one.
                       if (opened.error().code == ErrorCode::already_exists && at->failed == 0) {
                         return identity_in_use(opened.error());
                       }
                       if (at->on_refused) at->on_refused(opened.error());
                       // This node itself, for one: it does not become another by trying again.
                       if (opened.error().code != ErrorCode::invalid_argument) again(at);
                       return;
                     }
                     at->failed = 0;
                     at->node = (*opened)->peer().node;
                     if (at->node == self_.node && at->on_refused) {
                       at->on_refused({ErrorCode::invalid_argument, "this node was told to join itself"});
                     }
                     add(*std::move(opened), true);
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
