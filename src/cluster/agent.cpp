#include "cluster/agent.h"

#include <algorithm>
#include <format>
#include <utility>

#include "cluster/fold.h"
#include "cluster/timing.h"

namespace exogpu::cluster {

using namespace wire;

Agent::Agent(NodeFacts facts, AgentOptions options, Time now)
    : self_(facts.info.self.node),
      facts_(std::move(facts)),
      options_(std::move(options)),
      started_(now),
      counters_(options_.counter),
      ping_at_(now + kPingInterval),
      pinged_(self_),
      links_at_(now + kLinksFirst) {
  facts_.info.links.clear();
  start_election(now, options_.boot_wait);
}

void Agent::link_up(NodeId peer, Time now) {
  if (peer == self_) return;
  peers_[peer].linked = true;
  if (role_ == Role::following && peer == term_.leader) leader_.reconnected();
  const auto follower = followers_.find(peer);
  if (follower != followers_.end()) follower->second.detector.reconnected();
  // An electing node probes each new peer; a leader probes it to see whether it follows another leader. In a large
  // cluster electing nodes probe only the best candidates, or every node would probe every other.
  if (role_ == Role::electing && peers_.size() <= kFirstProbes) {
    election_.probed.insert(peer);
    send_probe(peer, true, now);
  } else if (role_ == Role::leading && follower == followers_.end()) {
    send_probe(peer, true, now);
  }
  step(now);
}

void Agent::link_down(NodeId peer, Time now) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  found->second.linked = false;
  found->second.probe.reset();
  if (role_ == Role::following && peer == term_.leader) leader_.disconnected(now);
  const auto follower = followers_.find(peer);
  if (follower != followers_.end()) follower->second.detector.disconnected(now);
  step(now);
}

void Agent::receive(NodeId from, const Message& message, Time now) {
  if (from == self_) return;
  if (counters_.believes(message, now)) {
    std::visit([&](const auto& each) { on(from, each, now); }, message);
  } else {
    report_counters(from, now);
  }
  step(now);
}

void Agent::report_counters(NodeId of, Time now) {
  if (counters_reported_at_ && now - *counters_reported_at_ < kReportCountersEvery) return;
  counters_reported_at_ = now;
  out_.not_believed.push_back(std::format(
      "node {} claims a term, an epoch or a position of the log far ahead of all that are known here (term {}); what "
      "it says is ignored. If it is not hostile, stop its node and remove the file `term` of its state folder",
      of.short_text(), counters_.highest()));
}

void Agent::tick(Time now) {
  if (const Duration late = now - wake(); late >= kSelfDelay) {
    leader_.extend(late);
    for (auto& [id, follower] : followers_) follower.detector.extend(late);
  }
  step(now);
}

void Agent::step(Time now) {
  if (role_ == Role::following && leader_.lost(now)) start_election(now, {});
  if (role_ == Role::electing && now >= election_.next) evaluate_replies(now);
  if (role_ == Role::leading && now >= lead_at_) lead(now);
  if (now >= ping_at_) ping_next_link(now);
  if (now >= links_at_) publish_links(now);
  if (propose_ && now >= propose_at_) propose(now);
  if (role_ == Role::leading && log_.end() != flushed_ && now >= flushed_at_ + kFlushEvery) flush(now);
}

Time Agent::wake() const {
  Time next = std::min(ping_at_, links_at_);
  if (propose_) next = std::min(next, propose_at_);
  switch (role_) {
    case Role::electing: return std::min(next, election_.next);
    case Role::following: return std::min(next, leader_.lost_at());
    case Role::leading:
      if (log_.end() != flushed_) next = std::min(next, flushed_at_ + kFlushEvery);
      return std::min(next, lead_at_);
  }
  return next;
}

Output Agent::take() { return std::exchange(out_, {}); }

void Agent::set_facts(NodeFacts facts, Time now) {
  facts.info.links = facts_.info.links;
  if (facts == facts_) return;
  facts_ = std::move(facts);
  propose_ = true;
  propose_at_ = now;
  step(now);
}

void Agent::set_condition(NodeCondition condition, Time now) {
  if (condition == condition_) return;
  condition_ = std::move(condition);
  propose_ = true;
  propose_at_ = now;
  step(now);
}

void Agent::set_library(std::vector<LibraryModel> models, Time now) {
  if (models == library_) return;
  library_ = std::move(models);
  propose_ = true;
  propose_at_ = now;
  step(now);
}

void Agent::set_access_keys(std::vector<AccessKey> keys, Time now) {
  access_keys_ = std::move(keys);
  propose_ = true;
  propose_at_ = now;
  step(now);
}

void Agent::set_link(NodeId peer, const LinkMeasured& measured) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  found->second.round_trip = measured.round_trip;
  found->second.measured = measured;
}

void Agent::set_stages(const std::string& content, PlanEpoch epoch, std::map<uint32_t, StageStatus> stages, Time now) {
  OwnStages& own = stages_[content];
  own.epoch = std::max(own.epoch, epoch);
  epoch_max_ = std::max(epoch_max_, epoch);
  if (epoch < own.epoch) return;
  own.stages = std::move(stages);
  propose_ = true;
  propose_at_ = now;
  step(now);
}

void Agent::plan_broken(PlanEnded broken, Time now) {
  const auto known = broken_.find(broken.content);
  if (known != broken_.end() && known->second.epoch == broken.epoch) return;
  const std::string content = broken.content;
  broken_.insert_or_assign(content, std::move(broken));
  propose_ = true;
  propose_at_ = now;
  step(now);
}

void Agent::command(const Event& event, Time now) {
  if (!options_.trusted(self_)) return;  // nobody would accept it
  auto sent = as_sent(event);
  if (!sent) {
    out_.failed_commands.push_back(sent.error().message);
    return;
  }
  commands_.push_back({.event = *std::move(sent), .until = now + kCommandMax});
  propose_ = true;
  propose_at_ = now;
  step(now);
}

std::optional<NodeId> Agent::leader() const {
  if (role_ == Role::electing) return std::nullopt;
  return term_.leader;
}

std::string Agent::no_leader_reason() const { return role_ == Role::electing ? election_.why : std::string(); }

std::optional<Duration> Agent::round_trip(NodeId peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? std::nullopt : found->second.round_trip;
}

bool Agent::linked(NodeId node) const {
  const auto found = peers_.find(node);
  return found != peers_.end() && found->second.linked;
}

void Agent::send(NodeId to, Message message) {
  if (linked(to)) out_.sends.push_back({.to = to, .message = std::make_shared<const Message>(std::move(message))});
}

ElectionProbe Agent::make_probe(bool wants_reply, Time now) const {
  ElectionProbe out{.wants_reply = wants_reply,
                    .term = term_,
                    .is_leader = role_ == Role::leading,
                    .has_leader = role_ == Role::following && leader_reachable(now),
                    .followers = role_ == Role::leading ? followers() : leader_followers_,
                    .serving = role_ == Role::leading ? serving(state_) : leader_serving_,
                    .fitness = facts_.fitness,
                    .reach = 0,
                    .at = state_.at};
  for (const auto& [id, peer] : peers_) out.reach += peer.linked ? 1 : 0;
  return out;
}

Candidate Agent::candidate(const ElectionProbe& probe, NodeId node) const {
  return {.node = node, .fitness = probe.fitness, .reach = probe.reach, .at = probe.at};
}

void Agent::on(NodeId from, const ElectionProbe& message, Time now) {
  observe_term(message.term);
  Peer& peer = peers_[from];
  peer.probe = message;
  peer.reported_at = now;
  if (message.wants_reply) send_probe(from, false, now);
  if (role_ == Role::leading) {
    resolve_leaders(from, message, now);
  } else if (role_ == Role::following && from == term_.leader && !message.is_leader &&
             (message.term >= term_ || message.term.counter == 0)) {
    // The leader follows another one, or was restarted: it leads no longer.
    start_election(now, {});
    if (message.has_leader) {
      election_.probed.insert(message.term.leader);
      send_probe(message.term.leader, true, now);
    }
  } else if (role_ == Role::electing && !election_.waiting) {
    const bool knows_leader = message.is_leader || message.has_leader;
    const bool complete =
        election_.probed.contains(from) && now >= started_ + options_.boot_wait && election_.batch > 0 && all_replied();
    if (knows_leader || complete) election_.next = std::min(election_.next, now);
  }
}

void Agent::on(NodeId from, const LinkPing& message, Time now) {
  if (!message.answer) {
    send(from, LinkPing{.number = message.number, .answer = true});
    return;
  }
  if (from != pinged_ || message.number != ping_number_) return;
  Peer& peer = peers_[from];
  const Duration trip = now - pinged_at_;
  peer.round_trip = peer.round_trip ? *peer.round_trip + (trip - *peer.round_trip) / 4 : trip;
}

// Pings one link per call, in turn. Heartbeats measure the links between the leader and its followers.
void Agent::ping_next_link(Time now) {
  ping_at_ = now + kPingInterval;
  if (role_ == Role::leading || peers_.empty()) return;
  auto next = peers_.upper_bound(pinged_);
  for (size_t i = 0; i < peers_.size(); ++i, ++next) {
    if (next == peers_.end()) next = peers_.begin();
    if (!next->second.linked || (role_ == Role::following && next->first == term_.leader)) continue;
    pinged_ = next->first;
    pinged_at_ = now;
    send(pinged_, LinkPing{.number = ++ping_number_, .answer = false});
    return;
  }
}

// Every node receives each change of the links, so the agent publishes seldom, and only links that have changed much.
void Agent::publish_links(Time now) {
  // In a large cluster each node publishes less often.
  links_at_ = now + kLinksEvery * std::max<int64_t>(1, static_cast<int64_t>(peers_.size() / kLinksReportedFully));
  std::vector<LinkProfile> links = facts_.info.links;
  std::erase_if(links, [&](const LinkProfile& link) { return !linked(link.to); });
  const auto rates_differ = [](double a, double b) { return std::abs(a - b) > kRateChangeMin * std::max(a, b); };
  for (const auto& [id, peer] : peers_) {
    if (!peer.linked || !peer.round_trip) continue;
    const auto seconds = [](Duration duration) { return std::chrono::duration<double>(duration).count(); };
    const LinkProfile measured{.from = self_,
                               .to = id,
                               .delay_s = seconds(*peer.round_trip) / 2,
                               .bytes_per_s = peer.measured.bytes_per_s,
                               .jitter_s = seconds(peer.measured.jitter),
                               .loss = peer.measured.loss};
    const auto known = std::ranges::find(links, id, &LinkProfile::to);
    if (known == links.end()) {
      if (links.size() == kLinksReportedMax) continue;
      links.push_back(measured);
      continue;
    }
    const auto follow = [](double& reported, double value, double change_min) {
      if (std::abs(reported - value) > std::max(change_min, 0.5 * std::max(reported, value))) reported = value;
    };
    follow(known->delay_s, measured.delay_s, kDelayChangeMin);
    follow(known->jitter_s, measured.jitter_s, kDelayChangeMin);
    follow(known->loss, measured.loss, kLossChangeMin);
    if (rates_differ(known->bytes_per_s, measured.bytes_per_s)) known->bytes_per_s = measured.bytes_per_s;
  }
  if (links == facts_.info.links) return;
  facts_.info.links = std::move(links);
  propose_ = true;
}

}  // namespace exogpu::cluster
