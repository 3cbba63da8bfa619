// Without a leader: finds the existing one, or elects one.
#include <algorithm>
#include <format>

#include "cluster/agent.h"
#include "cluster/fold.h"
#include "cluster/timing.h"

namespace exogpu::cluster {

using namespace wire;

void Agent::start_election(Time now, Duration wait) {
  role_ = Role::electing;
  followers_.clear();
  election_ = {};
  election_.why = "no other node has replied yet";
  election_.next = now + wait;
  election_.since = now;
  if (wait == Duration{}) send_probes(now);
}

// This node and those with a link to it, the fittest leader first by the facts in the state. Nodes that the state does
// not know come last, ordered by id.
std::vector<NodeId> Agent::candidates() const {
  std::vector<std::pair<std::optional<Candidate>, NodeId>> sorted;
  const auto add = [&](NodeId id) {
    if (!options_.trusted(id)) return;
    const auto known = state_.nodes.find(id);
    std::optional<Candidate> candidate;
    if (known != state_.nodes.end()) candidate = {.node = id, .fitness = known->second.facts.fitness, .at = {}};
    sorted.emplace_back(candidate, id);
  };
  add(self_);
  for (const auto& [id, peer] : peers_) {
    if (peer.linked) add(id);
  }
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    if (a.first && b.first) return better(*a.first, *b.first);
    if (a.first || b.first) return a.first.has_value();
    return a.second < b.second;
  });
  std::vector<NodeId> out;
  out.reserve(sorted.size());
  for (const auto& [candidate, id] : sorted) out.push_back(id);
  return out;
}

void Agent::send_probes(Time now) {
  election_.waiting = false;
  const std::vector<NodeId> list = candidates();
  const size_t before = election_.batch;
  election_.batch = std::min(list.size(), std::max(kFirstProbes + 1, before * 2));
  Duration longest{};
  const auto probe_one = [&](NodeId id) {
    if (id == self_ || !linked(id)) return;
    election_.probed.insert(id);
    send_probe(id, true, now);
    longest = std::max(longest, peers_[id].round_trip.value_or(Duration{}));
  };
  for (size_t i = 0; i < election_.batch; ++i) probe_one(list[i]);
  // Each node also probes a few others of its own, so that together they find any node that has a leader.
  const size_t rest = list.size() - election_.batch;
  for (size_t i = 0; i < std::min(rest, kOtherProbes); ++i) {
    const size_t salt = self_.bytes()[i] + static_cast<size_t>(self_.bytes()[i + 4]) * 256 + election_.rounds;
    probe_one(list[election_.batch + salt % rest]);
  }
  election_.next = std::max(election_.next, now + std::max(kProbeTimeout, longest * 3 / 2));
}

bool Agent::all_replied() const {
  return std::ranges::all_of(election_.probed, [&](NodeId id) {
    const auto peer = peers_.find(id);
    if (peer == peers_.end() || !peer->second.linked) return true;
    return peer->second.probe && peer->second.reported_at >= election_.since;
  });
}

void Agent::evaluate_replies(Time now) {
  // The best leader that a reply of this round names.
  std::optional<Leadership> leadership;
  NodeId reporter;
  for (const auto& [id, peer] : peers_) {
    if (!peer.probe || now - peer.reported_at > kReportLifetime || peer.reported_at < election_.since) continue;
    const ElectionProbe& reply = *peer.probe;
    if ((!reply.is_leader && !reply.has_leader) || reply.term.leader == self_) continue;
    const Leadership other{.leader = reply.term.leader, .serving = reply.serving, .followers = reply.followers};
    if (!leadership || better(other, *leadership)) {
      leadership = other;
      reporter = id;
    }
  }
  if (leadership) {
    const std::string name = leadership->leader.short_text();
    election_.why = linked(leadership->leader)
                        ? std::format("asking node {} to add this node", name)
                        : std::format("node {} follows the leader {}, and this node has no link to it",
                                      reporter.short_text(), name);
    send_probe(leadership->leader, true, now);
    if (reporter != leadership->leader) send_probe(reporter, true, now);
    election_.next = now + kProbeRetry;
    election_.waiting = true;
    // A leader that others named has not accepted this node in time: a new round finds out whether it still leads.
    if (now - election_.since > kReportLifetime) {
      election_.since = now;
      election_.probed.clear();
      election_.batch = 0;
      ++election_.rounds;
      send_probes(now);
      election_.waiting = true;
    }
    return;
  }
  if (election_.batch == 0) {  // the initial wait is over
    election_.since = now;
    send_probes(now);
    if (!election_.probed.empty()) return;
  }
  // Only candidates of the batch, which all nodes probe, count: else nodes would wait for different ones.
  const std::vector<NodeId> list = candidates();
  const size_t asked = std::min(election_.batch, list.size());
  Candidate best = candidate(make_probe(false, now), self_);
  size_t answered = 0;
  for (size_t i = 0; i < asked; ++i) {
    const NodeId id = list[i];
    if (id == self_) continue;
    const Peer& peer = peers_.at(id);
    if (!peer.probe || peer.reported_at < election_.since) continue;
    ++answered;
    const auto unanswered = election_.unanswered.find(id);
    if (unanswered != election_.unanswered.end() && unanswered->second >= kUnansweredMax) continue;
    const Candidate other = candidate(*peer.probe, id);
    if (better(other, best)) best = other;
  }
  const bool in_batch = static_cast<size_t>(std::ranges::find(list, self_) - list.begin()) < asked;
  if (best.node == self_ && !in_batch) {
    if (answered == 0) {  // no better candidate has replied: probe more of them
      send_probes(now);
      return;
    }
    // Only a candidate that all nodes probe claims a term; one of them will.
    election_.why = "waiting for a better candidate to lead";
  } else if (best.node == self_) {
    claim_term(now);
    return;
  } else {
    election_.why = std::format("waiting for node {} to lead", best.node.short_text());
    ++election_.unanswered[best.node];
  }
  election_.since = now;
  election_.probed.clear();
  election_.batch = ++election_.rounds % 4 == 0 ? std::min(list.size(), election_.batch) : 0;
  send_probes(now);
  election_.waiting = true;
  election_.next = now + kClaimTimeout;
}

// There would be no election if the previous leader still led.
std::string Agent::lost_leader_reason(NodeId leader) const {
  const auto peer = peers_.find(leader);
  const bool replied = peer != peers_.end() && peer->second.probe && peer->second.reported_at >= election_.since;
  if (replied) return "it was the leader, and leads no longer";
  return leader_.is_disconnected() ? "it was the leader, and the connection to it broke"
                                   : "it was the leader, and is silent";
}

void Agent::claim_term(Time now) {
  const NodeId before = term_.leader;
  term_ = {.counter = counters_.highest() + 1, .leader = self_};
  observe_term(term_);
  out_.persist_counter = term_.counter;
  const bool led = role_ == Role::leading;
  role_ = Role::leading;
  flushed_ = led ? flushed_ : log_.end();
  if (!led) {
    followers_.clear();
    for (const auto& [id, peer] : peers_) {
      if (!peer.linked) continue;
      // A node with another leader follows it until resolve_leaders() has compared the two.
      const bool led_by_another = peer.probe && now - peer.reported_at < kReportLifetime &&
                                  peer.reported_at >= election_.since &&
                                  (peer.probe->is_leader || peer.probe->has_leader);
      if (!led_by_another) followers_.emplace(id, now);
    }
    // A node that is online in the state gets the grace of a broken channel to open a new one.
    for (const auto& [id, node] : state_.nodes) {
      if (!node.online || id == self_ || followers_.contains(id)) continue;
      followers_.emplace(id, now).first->second.detector.disconnected(now);
    }
    scan_at_ = now + kScanInterval;
  }
  for (auto& [id, follower] : followers_) follower.next_heartbeat = now;
  take_over_uses(now);
  append(TermBegan{});
  if (NodeLost lost{.node = before, .reason = lost_leader_reason(before)}; before != self_ && changes(state_, lost)) {
    append(lost);
    followers_.erase(before);
    invite(before, now);
  }
  facts_bytes_ = 0;
  for (const auto& [id, node] : state_.nodes) {
    facts_bytes_ += record_bytes(id, node);
  }
  // The state does not record how often these links broke: assume twice, so that they stay avoided.
  for (const auto& [a, b] : led ? std::set<NodePair>() : state_.links_avoided) {
    faults_.on_broken(a, b, now);
    faults_.on_broken(a, b, now);
  }
  plan_stale_ = true;
  plan_at_ = now + kSettleWait;
  propose_ = true;
  propose_at_ = now;
  lead_at_ = now;
}

}  // namespace exogpu::cluster
