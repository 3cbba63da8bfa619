#include "cluster/agent.h"

#include <algorithm>
#include <format>

#include "cluster/fold.h"
#include "cluster/timing.h"

namespace exogpu::cluster {

using namespace wire;

Agent::Agent(NodeFacts facts, AgentOptions options, Time now)
    : self_(facts.info.self.node),
      facts_(std::move(facts)),
      options_(options),
      started_(now),
      counter_seen_(options.counter),
      probe_at_(now + kProbeEvery),
      probed_(self_),
      links_at_(now + kLinksFirst) {
  facts_.info.links.clear();
  seek(now, options_.boot_wait);
}

void Agent::link_up(NodeId peer, Time now) {
  if (peer == self_) return;
  peers_[peer].linked = true;
  if (role_ == Role::following && peer == term_.master) master_.mended();
  const auto follower = followers_.find(peer);
  if (follower != followers_.end()) follower->second.detector.mended();
  // One who seeks asks whoever comes; a master looks whether this one follows another. In a large cluster only the best
  // candidates are asked, or all would ask all.
  if (role_ == Role::seeking && peers_.size() <= kAskedAtFirst) {
    seek_.asked.insert(peer);
    greet(peer, true, now);
  } else if (role_ == Role::leading && follower == followers_.end()) {
    greet(peer, true, now);
  }
  step(now);
}

void Agent::link_down(NodeId peer, Time now) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  found->second.linked = false;
  found->second.greeting.reset();
  if (role_ == Role::following && peer == term_.master) master_.cut(now);
  const auto follower = followers_.find(peer);
  if (follower != followers_.end()) follower->second.detector.cut(now);
  step(now);
}

void Agent::receive(NodeId from, const Message& message, Time now) {
  if (from == self_) return;
  std::visit([&](const auto& each) { on(from, each, now); }, message);
  step(now);
}

void Agent::tick(Time now) {
  if (const Duration late = now - wake(); late >= kHeldUp) {
    master_.excuse(late);
    for (auto& [id, follower] : followers_) follower.detector.excuse(late);
  }
  step(now);
}

void Agent::step(Time now) {
  if (role_ == Role::following && master_.lost(now)) seek(now, {});
  if (role_ == Role::seeking && now >= seek_.next) evaluate(now);
  if (role_ == Role::leading && now >= lead_at_) lead(now);
  if (now >= probe_at_) probe(now);
  if (now >= links_at_) publish_links(now);
  if (propose_ && now >= propose_at_) propose(now);
  if (role_ == Role::leading && log_.end() != flushed_ && now >= flushed_at_ + kFlushEvery) flush(now);
}

Time Agent::wake() const {
  Time next = std::min(probe_at_, links_at_);
  if (propose_) next = std::min(next, propose_at_);
  switch (role_) {
    case Role::seeking: return std::min(next, seek_.next);
    case Role::following: return std::min(next, master_.lost_at());
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

void Agent::set_link(NodeId peer, const LinkMeasured& measured) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  found->second.round_trip = measured.round_trip;
  found->second.measured = measured;
}

void Agent::set_stages(PlanEpoch epoch, std::map<uint32_t, StageStatus> stages, Time now) {
  stages_epoch_ = std::max(stages_epoch_, epoch);
  epoch_seen_ = std::max(epoch_seen_, epoch);
  if (epoch < stages_epoch_) return;
  stages_ = std::move(stages);
  propose_ = true;
  propose_at_ = now;
  step(now);
}

void Agent::plan_broken(PlanEpoch epoch, std::string why, std::optional<NodePair> link, Time now) {
  if (broken_ && broken_->epoch == epoch) return;
  broken_ = PlanEnded{.epoch = epoch, .why = std::move(why), .link = link};
  propose_ = true;
  propose_at_ = now;
  step(now);
}

void Agent::command(const Event& event, Time now) {
  auto sent = as_sent(event);
  if (!sent) {
    out_.given_up.push_back(sent.error().message);
    return;
  }
  commands_.push_back({.event = *std::move(sent), .until = now + kCommandMax});
  propose_ = true;
  propose_at_ = now;
  step(now);
}

std::optional<NodeId> Agent::master() const {
  if (role_ == Role::seeking) return std::nullopt;
  return term_.master;
}

std::string Agent::why_alone() const { return role_ == Role::seeking ? seek_.why : std::string(); }

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

Greeting Agent::greeting(bool answer_me, Time now) const {
  Greeting out{.answer_me = answer_me,
               .term = term_,
               .leads = role_ == Role::leading,
               .hears_master = role_ == Role::following && hears_master(now),
               .followers = role_ == Role::leading ? followers() : master_followers_,
               .serving = role_ == Role::leading ? serving(state_) : master_serving_,
               .fitness = facts_.fitness,
               .reach = 0,
               .at = state_.at};
  for (const auto& [id, peer] : peers_) out.reach += peer.linked ? 1 : 0;
  return out;
}

Candidate Agent::candidate(const Greeting& greeting, NodeId node) const {
  return {.node = node, .fitness = greeting.fitness, .reach = greeting.reach, .at = greeting.at};
}

void Agent::on(NodeId from, const Greeting& message, Time now) {
  saw(message.term);
  Peer& peer = peers_[from];
  peer.greeting = message;
  peer.told = now;
  if (message.answer_me) greet(from, false, now);
  if (role_ == Role::leading) {
    meet(from, message, now);
  } else if (role_ == Role::following && from == term_.master && !message.leads &&
             (message.term >= term_ || message.term.counter == 0)) {
    // It obeys another, or was started anew, and leads no longer.
    seek(now, {});
    if (message.hears_master) {
      seek_.asked.insert(message.term.master);
      greet(message.term.master, true, now);
    }
  } else if (role_ == Role::seeking && !seek_.waiting) {
    const bool knows_master = message.leads || message.hears_master;
    const bool complete =
        seek_.asked.contains(from) && now >= started_ + options_.boot_wait && seek_.batch > 0 && all_answered();
    if (knows_master || complete) seek_.next = std::min(seek_.next, now);
  }
}

void Agent::on(NodeId from, const LinkPing& message, Time now) {
  if (!message.answer) {
    send(from, LinkPing{.number = message.number, .answer = true});
    return;
  }
  if (from != probed_ || message.number != probe_number_) return;
  Peer& peer = peers_[from];
  const Duration trip = now - probe_sent_;
  peer.round_trip = peer.round_trip ? *peer.round_trip + (trip - *peer.round_trip) / 4 : trip;
}

// One link each time, round about. Those to the master and its followers are measured by heartbeats.
void Agent::probe(Time now) {
  probe_at_ = now + kProbeEvery;
  if (role_ == Role::leading || peers_.empty()) return;
  auto next = peers_.upper_bound(probed_);
  for (size_t i = 0; i < peers_.size(); ++i, ++next) {
    if (next == peers_.end()) next = peers_.begin();
    if (!next->second.linked || (role_ == Role::following && next->first == term_.master)) continue;
    probed_ = next->first;
    probe_sent_ = now;
    send(probed_, LinkPing{.number = ++probe_number_, .answer = false});
    return;
  }
}

// Links belong to the facts of a node, which go to all; so seldom, and only where they have changed much.
void Agent::publish_links(Time now) {
  // All hear of it, so in a large cluster each has its turn less often.
  links_at_ = now + kLinksEvery * std::max<int64_t>(1, static_cast<int64_t>(peers_.size() / kLinksTogether));
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
      if (links.size() == kLinksTold) continue;
      links.push_back(measured);
      continue;
    }
    const auto follow = [](double& told, double value, double change_min) {
      if (std::abs(told - value) > std::max(change_min, 0.5 * std::max(told, value))) told = value;
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
