// As the leader: sends heartbeats, orders events, makes plans, and compares itself with other leaders.
#include <algorithm>
#include <format>

#include "base/assert.h"
#include "cluster/agent.h"
#include "cluster/fold.h"
#include "cluster/plan_for.h"
#include "cluster/timing.h"

namespace exogpu::cluster {

using namespace wire;

namespace {

// In their place is an event that changes nothing, so that the positions stay.
void remove_keys(LogEntries& message) {
  for (Entry& entry : message.entries) {
    if (std::holds_alternative<AccessKeySet>(entry.event)) entry.event = NodeForgotten{};
  }
}

}  // namespace

// The approximate size of what a node has reported in a snapshot.
size_t Agent::record_bytes(NodeId node, const NodeRecord& record) const {
  return encoded_bytes({.term = term_, .event = NodeReported{record.facts}}) +
         encoded_bytes({.term = term_, .event = ConditionReported{.node = node, .condition = record.condition}}) +
         encoded_bytes({.term = term_, .event = LibraryReported{.node = node, .models = record.library}});
}

// Makes the node a follower. The caller has claimed a term later than any that the node has followed.
void Agent::invite(NodeId node, Time now) {
  if (!linked(node)) return;
  const auto known = followers_.find(node);
  if (known != followers_.end()) followers_.erase(known);
  send_heartbeat(node, followers_.emplace(node, now).first->second, now);
}

void Agent::resolve_leaders(NodeId from, const ElectionProbe& other, Time now) {
  const bool without = !other.is_leader && !other.has_leader;
  if (without || other.term.leader == self_) {
    // The node follows this leader already.
    if (!without && other.term == term_ && followers_.contains(from)) return;
    if (other.term > term_) claim_term(now);
    invite(from, now);
    return;
  }
  const Leadership mine{.leader = self_, .serving = serving(state_), .followers = followers()};
  const Leadership theirs{.leader = other.term.leader, .serving = other.serving, .followers = other.followers};
  if (better(mine, theirs)) {
    // The new counter exceeds both, so that the next plans have greater epochs than any of the other leader.
    if (other.term.counter >= term_.counter) claim_term(now);
    invite(from, now);
    if (theirs.leader != from) invite(theirs.leader, now);
  } else if (theirs.leader != from) {
    send_probe(theirs.leader, true, now);
  }
}

void Agent::append(const Event& written) {
  EXO_ASSERT(role_ == Role::leading && term_.leader == self_, "only the leader of a term orders its events");
  // Applies the event as the other nodes will decode it, so that all states are equal.
  auto sent = as_sent(written);
  if (!sent) return;
  Event event = *std::move(sent);
  const bool about_plan = affects_plans(state_, event);
  Entry entry{.term = term_, .event = std::move(event)};
  apply_entry(entry);
  log_.append(std::move(entry));
  EXO_ASSERT(log_.end() == state_.at, "the log ends where the state is");
  out_.state_changed = true;
  plan_stale_ = plan_stale_ || about_plan;
}

// Whether the node reports itself, and the state still fits into a message with the report.
bool Agent::accept_report(NodeId from, const Event& event) {
  const auto known = state_.nodes.find(from);
  const bool is_new = known == state_.nodes.end();
  NodeRecord record = is_new ? NodeRecord{} : known->second;
  bool restarted = false;
  if (const auto* reported = std::get_if<NodeReported>(&event)) {
    if (reported->facts.info.self.node != from) return false;
    restarted = is_new || record.facts.incarnation != reported->facts.incarnation;
    if (restarted) record = {};  // the rest is reported again
    record.facts = reported->facts;
  } else if (const auto* condition = std::get_if<ConditionReported>(&event)) {
    if (condition->node != from) return false;
    record.condition = condition->condition;
  } else if (const auto* library = std::get_if<LibraryReported>(&event)) {
    if (library->node != from) return false;
    record.library = library->models;
  }
  const size_t before = is_new ? 0 : record_bytes(from, known->second);
  const size_t after = record_bytes(from, record);
  if (after > before && facts_bytes_ - before + after > kFactsBytesMax) return false;
  facts_bytes_ += after - before;
  if (restarted) faults_.forget(from);
  return true;
}

void Agent::append_proposed(NodeId from, const Event& event, Time now) {
  if (!changes(state_, event)) return;
  if (std::holds_alternative<NodeReported>(event) || std::holds_alternative<ConditionReported>(event) ||
      std::holds_alternative<LibraryReported>(event)) {
    if (!accept_report(from, event)) return;
  } else if (const auto* stage = std::get_if<StageReported>(&event)) {
    if (planned_in(state_, stage->epoch)->plan->made.plan.stages[stage->stage].device.node != from) return;
  } else if (const auto* ended = std::get_if<PlanEnded>(&event)) {
    const ModelRecord* model = planned_in(state_, ended->epoch);
    if (model == nullptr || model->served.content != ended->content) return;
    if (!std::ranges::contains(model->plan->made.plan.stages, from,
                               [](const PlannedStage& each) { return each.device.node; })) {
      return;
    }
    if (ended->link) {
      const auto& [one, other] = *ended->link;
      faults_.on_broken(one, other, now);
      // If one of the two had died, its channel to this node would have broken as well, and NodeLost would follow soon.
      const auto reached = [&](NodeId node) { return node == self_ || linked(node); };
      if (reached(one) && reached(other)) plan_at_ = std::min(plan_at_, now + kPlanWait);
    }
  } else if (!std::holds_alternative<DrainingSet>(event) && !std::holds_alternative<ModelSet>(event) &&
             !std::holds_alternative<ModelRemoved>(event) && !std::holds_alternative<NodeForgotten>(event) &&
             !std::holds_alternative<AccessKeySet>(event)) {
    return;  // only the leader originates the other events
  }
  if (const auto* reported = std::get_if<NodeReported>(&event)) {
    const auto known = state_.nodes.find(reported->facts.info.self.node);
    if (known == state_.nodes.end() || !known->second.online) nodes_came_at_ = now;
  }
  append(event);
  // Nothing else is about to follow a user's or a client's wish.
  if (std::holds_alternative<ModelSet>(event) || std::holds_alternative<ModelRemoved>(event)) {
    plan_at_ = std::min(plan_at_, std::max(now, nodes_came_at_ + kSettleWait));
  }
}

void Agent::on(NodeId from, const LogProposal& message, Time now) {
  if (role_ != Role::leading || !followers_.contains(from)) return;
  for (const Event& event : message.events) {
    const auto* reported = std::get_if<NodeReported>(&event);
    if (reported && reported->facts.incarnation != message.incarnation) continue;
    const auto known = state_.nodes.find(from);
    // Of an earlier incarnation, whose shards no longer exist.
    const bool of_incarnation =
        std::holds_alternative<ConditionReported>(event) || std::holds_alternative<LibraryReported>(event);
    if (of_incarnation && (known == state_.nodes.end() || known->second.facts.incarnation != message.incarnation)) {
      continue;
    }
    append_proposed(from, event, now);
  }
  applied();
  plan_at_ = std::min(plan_at_, now + kSettleWait);
}

void Agent::on(NodeId from, const HeartbeatAck& message, Time now) {
  observe_term(message.term);
  if (role_ != Role::leading) return;
  if (message.term != term_) {
    // The node follows a later term. Its reply to this probe names its leader, and so shows which of the two should
    // lead.
    if (message.term > term_) {
      followers_.erase(from);
      send_probe(from, true, now);
    }
    return;
  }
  counters_.settle(now);
  Follower& follower = followers_.try_emplace(from, now).first->second;
  const auto sent = follower.sent.find(message.number);
  if (sent != follower.sent.end()) {
    follower.detector.measured(now - sent->second);
    peers_[from].round_trip = follower.detector.round_trip();
    follower.sent.erase(follower.sent.begin(), std::next(sent));
    follower.acked = std::max(follower.acked, message.number);
    follower.detector.received(now);
  }
  follower.epoch = message.epoch;
  follower.busy_models = message.busy_models;
  note_uses(message.busy_models, now);
  if (state_.epoch_last < message.epoch) plan_stale_ = true;
  replicate(from, follower, message.at, now);
}

void Agent::lead(Time now) {
  lead_at_ = now + kLeadEvery;
  update_uses(now);
  std::vector<NodeId> lost;
  for (auto& [id, follower] : followers_) {
    if (follower.detector.lost(now))
      lost.push_back(id);
    else if (now >= follower.next_heartbeat)
      send_heartbeat(id, follower, now);
  }
  for (const NodeId id : lost) {
    const Detector& detector = followers_.at(id).detector;
    const auto silent = std::chrono::duration_cast<milliseconds>(now - detector.last_received()).count();
    NodeLost event{
        .node = id,
        .reason = detector.is_disconnected() ? "the connection to it broke" : std::format("silent for {} ms", silent)};
    followers_.erase(id);
    if (!changes(state_, event)) continue;
    append(event);
    plan_at_ = std::min(plan_at_, now + kPlanWait);
  }
  if (now >= scan_at_) {
    scan_for_others(now);
    update_link_avoidance(now);
    remove_unused_models(now);
  }
  if (std::erase_if(postponed_, [&](const std::string& content) { return idle(content); }) > 0) {
    plan_stale_ = true;
    plan_at_ = waits_for_room() ? std::max(now, planned_at_ + kRoomAgain) : now + kSettleWait;
  }
  if (plan_stale_ && now >= plan_at_) plan(now);
  if (!plan_stale_) plan_at_ = now + kSettleWait;
}

void Agent::send_heartbeat(NodeId node, Follower& follower, Time now) {
  follower.next_heartbeat = now + kHeartbeatInterval;
  follower.sent[++follower.number] = now;
  while (follower.sent.size() > 8) follower.sent.erase(follower.sent.begin());
  send(node, Heartbeat{.term = term_,
                       .number = follower.number,
                       .acked = follower.acked,
                       .followers = followers(),
                       .serving = serving(state_),
                       .uses = model_uses(now)});
}

void Agent::scan_for_others(Time now) {
  scan_at_ = now + kScanInterval;
  // Nodes that are online in the state but no longer follow this leader.
  std::vector<NodeId> departed;
  for (const auto& [id, node] : state_.nodes) {
    if (node.online && id != self_ && !followers_.contains(id)) departed.push_back(id);
  }
  for (const NodeId id : departed) append(NodeLost{.node = id, .reason = "it follows another leader"});
  auto next = peers_.upper_bound(scanned_);
  size_t asked = 0;
  for (size_t i = 0; i < peers_.size() && asked < kScanNodes; ++i, ++next) {
    if (next == peers_.end()) next = peers_.begin();
    if (!next->second.linked || followers_.contains(next->first)) continue;
    scanned_ = next->first;
    send_probe(scanned_, true, now);
    ++asked;
  }
}

// Appends which links plans avoid from now on, or use again.
void Agent::update_link_avoidance(Time now) {
  const std::set<NodePair> bad = faults_.avoided(now);
  for (const NodePair& link : std::set(state_.links_avoided)) {
    if (!bad.contains(link)) append(LinkUse{.link = link, .avoided = false});
  }
  for (const NodePair& link : bad) {
    if (!state_.links_avoided.contains(link)) append(LinkUse{.link = link, .avoided = true});
  }
}

// Sends a follower whose state is at `at` the entries after it, or a snapshot when the log no longer has them.
void Agent::replicate(NodeId node, Follower& follower, const Position& at, Time now) {
  if (at == log_.end()) {
    follower.sent_index = at.index;
    return;
  }
  const Duration again = std::max(kSendAgain, 2 * follower.detector.round_trip().value_or(Duration{}));
  if (follower.sent_index && *follower.sent_index >= log_.end().index && now < follower.sent_at + again) return;
  follower.sent_at = now;
  if (!log_.contains(at)) {
    follower.sent_index = log_.end().index;
    LogSnapshot message{.term = term_, .state = state_};
    if (!options_.trusted(node)) message.state.access_keys.clear();
    send(node, std::move(message));
    return;
  }
  LogEntries message{.term = term_, .before = at, .entries = log_.after(at)};
  follower.sent_index = at.index + message.entries.size();
  if (!options_.trusted(node)) remove_keys(message);
  send(node, std::move(message));
}

void Agent::repeat_access_keys(Time now) {
  if (role_ != Role::leading) return;
  const auto keys = state_.access_keys;
  for (const auto& [id, key] : keys) append(AccessKeySet{key});
  lead_at_ = std::min(lead_at_, now);
}

// Sends the new entries to all followers that have received everything before them.
void Agent::flush(Time now) {
  flushed_at_ = now;
  LogEntries message{.term = term_, .before = flushed_, .entries = {}};
  if (log_.contains(flushed_)) message.entries = log_.after(flushed_);
  const uint64_t before = flushed_.index;
  flushed_ = {.term = term_, .index = before + message.entries.size()};
  if (!message.entries.empty() && flushed_ != log_.end()) flushed_.term = message.entries.back().term;
  if (message.entries.empty()) flushed_ = log_.end();
  LogEntries without_keys = message;
  remove_keys(without_keys);
  const auto shared = std::make_shared<const Message>(std::move(message));
  const auto shared_without = std::make_shared<const Message>(std::move(without_keys));
  for (auto& [id, follower] : followers_) {
    if (follower.sent_index != before || !linked(id)) continue;
    follower.sent_index = flushed_.index;
    follower.sent_at = now;
    out_.sends.push_back({.to = id, .message = options_.trusted(id) ? shared : shared_without});
  }
}

void Agent::plan(Time now) {
  update_link_avoidance(now);
  plan_stale_ = false;
  planned_at_ = now;
  plan_at_ = now + kSettleWait;
  PlanContext context{.term = term_, .epoch_max = epoch_max_};
  for (const auto& [id, follower] : followers_) context.epoch_max = std::max(context.epoch_max, follower.epoch);
  context.lost_epoch = state_.epoch_last < context.epoch_max;
  postponed_.clear();
  for (const std::string& content : planning_order(state_)) {
    context.idle = idle(content);
    if (!context.idle) postponed_.insert(content);
    const auto previous = previous_plans_.find(content);
    context.previous = previous == previous_plans_.end() ? std::nullopt : std::optional(previous->second);
    plan_model(content, context);
  }
  plan_stale_ = false;
}

}  // namespace exogpu::cluster
