// Without a master: finds the one there is, or agrees on one.
#include <algorithm>
#include <format>

#include "cluster/agent.h"
#include "cluster/fold.h"
#include "cluster/timing.h"

namespace exogpu::cluster {

using namespace wire;

void Agent::seek(Time now, Duration wait) {
  role_ = Role::seeking;
  followers_.clear();
  seek_ = {};
  seek_.why = "no other node has answered yet";
  seek_.next = now + wait;
  seek_.since = now;
  if (wait == Duration{}) ask(now);
}

// The nodes within reach, and this one, as far as the state knows how they would lead: the likeliest first. Strangers
// come last, by their ids.
std::vector<NodeId> Agent::candidates() const {
  std::vector<std::pair<std::optional<Candidate>, NodeId>> sorted;
  const auto add = [&](NodeId id) {
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

void Agent::ask(Time now) {
  seek_.waiting = false;
  const std::vector<NodeId> list = candidates();
  const size_t before = seek_.batch;
  seek_.batch = std::min(list.size(), std::max(kAskedAtFirst + 1, before * 2));
  Duration longest{};
  const auto ask_one = [&](NodeId id) {
    if (id == self_ || !linked(id)) return;
    seek_.asked.insert(id);
    greet(id, true, now);
    longest = std::max(longest, peers_[id].round_trip.value_or(Duration{}));
  };
  for (size_t i = 0; i < seek_.batch; ++i) ask_one(list[i]);
  // Each node asks others, so that together they miss nobody who hears a master.
  const size_t rest = list.size() - seek_.batch;
  for (size_t i = 0; i < std::min(rest, kAskedBeside); ++i) {
    const size_t salt = self_.bytes()[i] + static_cast<size_t>(self_.bytes()[i + 4]) * 256 + seek_.rounds;
    ask_one(list[seek_.batch + salt % rest]);
  }
  seek_.next = std::max(seek_.next, now + std::max(kAnswerMax, longest * 3 / 2));
}

bool Agent::all_answered() const {
  return std::ranges::all_of(seek_.asked, [&](NodeId id) {
    const auto peer = peers_.find(id);
    if (peer == peers_.end() || !peer->second.linked) return true;
    return peer->second.greeting && peer->second.told >= seek_.since;
  });
}

void Agent::evaluate(Time now) {
  // Whoever hears a master says so.
  std::optional<Reign> reign;
  NodeId teller;
  for (const auto& [id, peer] : peers_) {
    if (!peer.greeting || now - peer.told > kFresh || peer.told < seek_.since) continue;
    const Greeting& told = *peer.greeting;
    if ((!told.leads && !told.hears_master) || told.term.master == self_) continue;
    const Reign other{.master = told.term.master, .serving = told.serving, .followers = told.followers};
    if (!reign || better(other, *reign)) {
      reign = other;
      teller = id;
    }
  }
  if (reign) {
    const std::string name = reign->master.short_text();
    seek_.why = linked(reign->master) ? std::format("asking node {} to be taken in", name)
                                      : std::format("node {} hears the master {}, and this node has no link to it",
                                                    teller.short_text(), name);
    greet(reign->master, true, now);
    if (teller != reign->master) greet(teller, true, now);
    seek_.next = now + kAskAgain;
    seek_.waiting = true;
    // A master that is known but does not answer: whether it is still known is asked anew.
    if (now - seek_.since > kFresh) {
      seek_.since = now;
      seek_.asked.clear();
      seek_.batch = 0;
      ++seek_.rounds;
      ask(now);
      seek_.waiting = true;
    }
    return;
  }
  if (seek_.batch == 0) {  // the wait at the start is over
    seek_.since = now;
    ask(now);
    if (!seek_.asked.empty()) return;
  }
  // Only those whom all ask: else each would wait for another.
  const std::vector<NodeId> list = candidates();
  const size_t asked = std::min(seek_.batch, list.size());
  Candidate best = candidate(greeting(false, now), self_);
  size_t answered = 0;
  for (size_t i = 0; i < asked; ++i) {
    const NodeId id = list[i];
    if (id == self_) continue;
    const Peer& peer = peers_.at(id);
    if (!peer.greeting || peer.told < seek_.since) continue;
    ++answered;
    const auto vain = seek_.vain.find(id);
    if (vain != seek_.vain.end() && vain->second >= kVainMax) continue;
    const Candidate other = candidate(*peer.greeting, id);
    if (better(other, best)) best = other;
  }
  const bool in_batch = static_cast<size_t>(std::ranges::find(list, self_) - list.begin()) < asked;
  if (best.node == self_ && !in_batch) {
    if (answered == 0) {  // none of the likelier ones: on to the next
      ask(now);
      return;
    }
    // In a large cluster only those lead who are asked by all; one of them will.
    seek_.why = "waiting for a likelier node to lead";
  } else if (best.node == self_) {
    claim(now);
    return;
  } else {
    seek_.why = std::format("waiting for node {} to lead", best.node.short_text());
    ++seek_.vain[best.node];
  }
  seek_.since = now;
  seek_.asked.clear();
  seek_.batch = ++seek_.rounds % 4 == 0 ? std::min(list.size(), seek_.batch) : 0;
  ask(now);
  seek_.waiting = true;
  seek_.next = now + kClaimMax;
}

void Agent::claim(Time now) {
  const NodeId before = term_.master;
  term_ = {.counter = counter_seen_ + 1, .master = self_};
  counter_seen_ = term_.counter;
  out_.keep_counter = term_.counter;
  const bool led = role_ == Role::leading;
  role_ = Role::leading;
  flushed_ = led ? flushed_ : log_.end();
  if (!led) {
    followers_.clear();
    for (const auto& [id, peer] : peers_) {
      if (!peer.linked) continue;
      // One who follows another is left to it, until the two masters have met.
      const bool led_by_another = peer.greeting && now - peer.told < kFresh && peer.told >= seek_.since &&
                                  (peer.greeting->leads || peer.greeting->hears_master);
      if (!led_by_another) followers_.emplace(id, now);
    }
    // Whom the state believes to be here has as long to come as one that has just been heard.
    for (const auto& [id, node] : state_.nodes) {
      if (!node.alive || id == self_ || followers_.contains(id)) continue;
      followers_.emplace(id, now).first->second.detector.cut(now);
    }
    look_at_ = now + kLookEvery;
  }
  for (auto& [id, follower] : followers_) follower.next_beat = now;
  append(TermBegan{});
  // The master before was silent, or there would be no new one.
  if (NodeLost lost{.node = before, .why = "it led, and was silent"}; before != self_ && changes(state_, lost)) {
    append(lost);
    followers_.erase(before);
    invite(before, now);
  }
  facts_bytes_ = 0;
  for (const auto& [id, node] : state_.nodes) {
    facts_bytes_ += encoded_bytes({.term = term_, .event = NodeTold{node.facts}}) + condition_bytes(id, node.condition);
  }
  // Nobody has told how often they broke.
  for (const auto& [a, b] : led ? std::set<NodePair>() : state_.links_left_out) {
    faults_.broke(a, b, now);
    faults_.broke(a, b, now);
  }
  dirty_ = true;
  plan_at_ = now + kSettleWait;
  propose_ = true;
  propose_at_ = now;
  lead_at_ = now;
}

}  // namespace exogpu::cluster
