// The audit of a node: its own beginning and end, and the heads of the chains, which nodes keep for each other.
#include "node/node_impl.h"

namespace exogpu::node {
namespace {

constexpr std::chrono::minutes kAuditEvery{1};

}  // namespace

void Node::Impl::register_audit_handlers() {
  dispatch_.on<wire::AuditHead>([this](wire::NodeId from, const wire::AuditHead& head) {
    const wire::AuditAnchors taken = audit().take_head(from, peers_->name_of(from), head.point);
    if (!taken.points.empty()) (void)peers_->send_message(from, taken);
  });
  dispatch_.on<wire::AuditAnchors>([this](wire::NodeId from, const wire::AuditAnchors& anchors) {
    audit().take_anchors(from, peers_->name_of(from), anchors);
  });
}

void Node::Impl::begin_audit() {
  audit().record({.who = "local",
                  .from = {},
                  .action = "node.start",
                  .what = std::format("exogpu {}", wire::own_versions().program),
                  .result = "ok"});
}

void Node::Impl::exchange_audit_heads(wire::NodeId peer) {
  (void)peers_->send_message(peer, audit().head());
  (void)peers_->send_message(peer, audit().anchors_of(peer));
}

void Node::Impl::look_after_audit(cluster::Time now) {
  if (now < timers_.audited_at + kAuditEvery) return;
  timers_.audited_at = now;
  audit().write_counts();
  if (const auto head = audit().head_to_send()) peers_->broadcast(*head);
}

}  // namespace exogpu::node
