// Nodes that are removed from the cluster, and the certificates of those that stay.
#include <format>

#include "base/log.h"
#include "node/node_impl.h"
#include "security/identity_store.h"

namespace exogpu::node {
namespace {

constexpr std::chrono::milliseconds kFarewell{50};
constexpr std::chrono::minutes kClockApart{10};  // a clock that is set by the network is within a second

}  // namespace

void Node::Impl::make_renewal() {
  const auto granted = [this](wire::NodeId to) {
    audit().record({.who = peers_->name_of(to),
                    .from = {},
                    .action = "certificate.renewed",
                    .what = std::format("node {}", to.short_text()),
                    .result = "ok"});
  };
  renewal_.emplace(self(), resources_.identity.certificate().validity(), options_.identity_store(), *peers_,
                   RenewalHost{.on_renewed =
                                   [this, granted](const security::Identity& identity) {
                                     if (const auto done = resources_.tls.renew(identity); !done) {
                                       note(done.error().message);
                                     }
                                     granted(self());
                                   },
                               .on_granted =
                                   [this, granted](wire::NodeId to) {
                                     granted(to);
                                     if (!expired_.contains(to)) return;
                                     // With the certificate that it has now it is a node like others.
                                     loop_.post_after(kFarewell, [this, to] {
                                       peers_->close(to, {ErrorCode::unavailable, "its certificate was renewed"});
                                     });
                                   },
                               .note = [this](const std::string& text) { note(text); }});
}

// Certificates have dates, and so do keys and the audit.
void Node::Impl::note_clock_of(wire::NodeId peer) const {
  const auto ahead = peers_->channel(peer)->peer().clock_ahead;
  if (!ahead || std::chrono::abs(*ahead) < kClockApart) return;
  const auto now = std::chrono::system_clock::now();
  note(
      std::format("the clock of node {} says {}, that of this node says {}; set the one that is wrong (sudo "
                  "timedatectl set-ntp true)",
                  peers_->name_of(peer), security::date_text(now + *ahead), security::date_text(now)));
}

void Node::Impl::register_removal_handlers() {
  dispatch_.on<wire::Removals>([this](wire::NodeId, const wire::Removals& theirs) {
    const auto news = resources_.removals->merge(theirs);
    if (news.empty()) return;
    peers_->broadcast(wire::Removals{.list = news});
    for (const wire::Removal& removal : news) on_removed(removal);
  });
}

// The removed node got the record, too, as far as it was connected, and stops. The others do not wait for that.
void Node::Impl::on_removed(const wire::Removal& removal) {
  const std::string by = peers_->name_of(removal.by), name = peers_->name_of(removal.node);
  audit().record({.who = by,
                  .from = {},
                  .action = "node.removed",
                  .what = std::format("node {} {}", removal.node.short_text(), name),
                  .result = "ok"});
  if (removal.node == self()) {
    const Error fatal{ErrorCode::permission_denied,
                      std::format("this device was removed from its cluster by {}. To join again, remove the state "
                                  "folder {} and run `exogpu join`",
                                  by, options_.state.string())};
    log::error("node", "{}", fatal.message);
    if (options_.on_fatal) options_.on_fatal(fatal);
    return;
  }
  log::warning("node", "node {} was removed from the cluster by {}", name, by);
  // Nothing that it sends is obeyed from now on; the channel stays until the record has reached it.
  expelled_.insert(removal.node);
  loop_.post_after(kFarewell,
                   [this, node = removal.node] { peers_->expel(node, resources_.removals->check(node).error()); });
  agent_->change(
      [&](cluster::Agent& agent, cluster::Time now) { agent.command(wire::NodeForgotten{.node = removal.node}, now); });
}

// --- any thread

Result<void> Node::Impl::remove(std::string_view node) {
  auto found = status_->find_node(node);
  const auto id =
      found ? std::optional(*found) : wire::NodeId::parse(node);  // one that is away may have no name any more
  if (!id) return std::unexpected(found.error());
  if (*id == self()) {
    return fail(ErrorCode::invalid_argument, "a node does not remove itself; ask another node of the cluster to do it");
  }
  EXO_TRY(const security::Authority authority, options_.identity_store().authority());
  const bool known = resources_.removals->find(*id).has_value();
  EXO_TRY(const wire::Removal removal,
          resources_.removals->remove(*id, self(), authority, std::chrono::system_clock::now()));
  if (known) return {};
  loop_.post([this, removal] {
    peers_->broadcast(wire::Removals{.list = {removal}});
    on_removed(removal);
  });
  return {};
}

Result<void> Node::Impl::drain(std::string_view node, bool draining) {
  EXO_TRY(const wire::NodeId id, status_->find_node(node));
  EXO_CHECK(check_leader());
  loop_.post([this, id, draining] {
    agent_->change([&](cluster::Agent& agent, cluster::Time now) {
      agent.command(wire::DrainingSet{.node = id, .draining = draining}, now);
    });
  });
  return {};
}

}  // namespace exogpu::node
