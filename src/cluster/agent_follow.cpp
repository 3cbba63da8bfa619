// As a follower: accepts the leader's messages, notices when the leader is unreachable, keeps its log, reports this
// node.
#include <algorithm>
#include <format>

#include "base/assert.h"
#include "cluster/agent.h"
#include "cluster/fold.h"
#include "cluster/timing.h"

namespace exogpu::cluster {

using namespace wire;

// Whether this node accepts a message of this leader and term; if so, it accepts nothing of an older term from now on.
bool Agent::follow_leader(const Term& term, NodeId from, Time now) {
  observe_term(term);
  if (term.leader != from || term < term_) return false;
  counters_.settle(now);
  if (term == term_ && role_ == Role::following) return true;
  const auto led = std::exchange(followers_, {});
  role_ = Role::following;
  term_ = term;
  election_ = {};
  leader_ = Detector(now);
  if (const auto trip = peers_[from].round_trip) leader_.measured(*trip);
  propose_ = true;
  propose_at_ = now;
  // This node's former followers learn of the new leader at once, without waiting for silence.
  for (const auto& [id, follower] : led) send_probe(id, false, now);
  return true;
}

bool Agent::leader_reachable(Time now) const { return !leader_.is_disconnected() && !leader_.lost(now); }

void Agent::on(NodeId from, const Heartbeat& message, Time now) {
  const bool acknowledged = message.number <= message.acked + kUnacknowledgedMax;
  if (message.term >= term_ && !acknowledged && (role_ != Role::following || message.term > term_)) {
    observe_term(message.term);
    return;
  }
  if (follow_leader(message.term, from, now)) {
    if (acknowledged) leader_.received(now);
    leader_followers_ = message.followers;
    leader_serving_ = message.serving;
    for (const ModelUse& use : message.uses) {
      if (const ModelRecord* model = planned_in(state_, use.epoch)) {
        unused_[model->served.content] = std::chrono::seconds(use.unused_s);
      }
    }
  }
  // It shows the leader of an older term that there is a later one.
  acknowledge(from, message.number);
}

// Number 0, which no heartbeat has, only reports which models are busy.
void Agent::acknowledge(NodeId leader, uint64_t number) {
  std::set<std::string> busy = std::exchange(used_models_, {});
  busy.insert(busy_models_.begin(), busy_models_.end());
  send(leader,
       HeartbeatAck{
           .term = term_, .number = number, .at = state_.at, .epoch = epoch_max_, .busy_models = std::move(busy)});
}

void Agent::on(NodeId from, const LogEntries& message, Time now) {
  if (!follow_leader(message.term, from, now)) return;
  // Skips entries that are applied already. Entries that do not follow the state are dropped; the leader sends again.
  Position at = message.before;
  bool follows = at == state_.at;
  for (const Entry& entry : message.entries) {
    if (follows) {
      apply_entry(entry);
      log_.append(entry);
      EXO_ASSERT(log_.end() == state_.at, "the log ends where the state is");
      out_.state_changed = true;
    }
    at = {.term = entry.term, .index = at.index + 1};
    follows = follows || at == state_.at;
  }
  if (out_.state_changed) applied();
}

void Agent::on(NodeId from, const LogSnapshot& message, Time now) {
  if (!follow_leader(message.term, from, now)) return;
  // A reordered, older snapshot of this term.
  if (message.state.at.term == state_.at.term && message.state.at.index <= state_.at.index) return;
  state_ = message.state;
  ++library_version_;
  remember_plans();
  log_.restart(state_.at);
  out_.state_changed = true;
  applied();
}

void Agent::apply_entry(const Entry& entry) {
  apply(state_, entry);
  remember_plans();
  const bool about_library =
      std::holds_alternative<NodeReported>(entry.event) || std::holds_alternative<NodeLost>(entry.event) ||
      std::holds_alternative<NodeForgotten>(entry.event) || std::holds_alternative<LibraryReported>(entry.event) ||
      std::holds_alternative<ModelSet>(entry.event) || std::holds_alternative<ModelRemoved>(entry.event);
  if (about_library) ++library_version_;
}

// Remembers the last plan of each model, of which nodes may still have resident stages. A leader without it makes worse
// plans, not wrong ones.
void Agent::remember_plans() {
  std::erase_if(previous_plans_, [&](const auto& each) { return !state_.models.contains(each.first); });
  for (const auto& [content, model] : state_.models) {
    if (!model.plan) continue;
    const auto known = previous_plans_.find(content);
    if (known != previous_plans_.end() && known->second.plan.epoch == model.plan->made.plan.epoch) continue;
    previous_plans_.insert_or_assign(content, model.plan->made);
  }
}

void Agent::applied() {
  epoch_max_ = std::max(epoch_max_, state_.epoch_last);
  propose_ = true;
  std::erase_if(commands_, [&](const Command& command) { return !changes(state_, command.event); });
  // What is over is not reported any more; what the state does not have yet is.
  const auto over = [&](PlanEpoch epoch) { return epoch <= state_.epoch_last && planned_in(state_, epoch) == nullptr; };
  std::erase_if(broken_, [&](const auto& each) { return over(each.second.epoch); });
  std::erase_if(unused_, [&](const auto& each) { return !state_.models.contains(each.first); });
  std::erase_if(stages_,
                [&](const auto& each) { return !state_.models.contains(each.first) && each.second.stages.empty(); });
}

// The events by which the state would agree with this node's facts, condition, stages and commands.
std::vector<Event> Agent::unreported() const {
  std::vector<Event> events;
  const auto add_if_new = [&](const Event& event) {
    auto sent = as_sent(event);
    if (sent && changes(state_, *sent)) events.push_back(*std::move(sent));
  };
  add_if_new(NodeReported{facts_});
  add_if_new(ConditionReported{.node = self_, .condition = condition_});
  add_if_new(LibraryReported{.node = self_, .models = library_});
  for (const AccessKey& key : access_keys_) {
    const auto known = state_.access_keys.find(key.id);
    if (known == state_.access_keys.end() || supersedes(key, known->second)) add_if_new(AccessKeySet{key});
  }
  for (const auto& [content, broken] : broken_) {
    if (planned_in(state_, broken.epoch) != nullptr) add_if_new(broken);
  }
  for (const auto& [content, own] : stages_) {
    for (const auto& [index, status] : own.stages) {
      add_if_new(StageReported{.epoch = own.epoch, .stage = index, .phase = status.phase, .failure = status.failure});
    }
  }
  for (const Command& command : commands_) add_if_new(command.event);
  return events;
}

void Agent::propose(Time now) {
  for (const Command& command : commands_) {
    if (now >= command.until) out_.failed_commands.emplace_back("no leader accepted it: " + no_leader_reason());
  }
  std::erase_if(commands_, [&](const Command& command) { return now >= command.until; });
  std::vector<Event> events = unreported();
  if (role_ != Role::electing) {
    std::erase_if(commands_, [&](const Command& command) { return !changes(state_, command.event); });
  }
  propose_ = !events.empty() || !commands_.empty();
  // Where nothing is missing now, what the next state lacks is proposed at once.
  if (propose_) propose_at_ = now + kProposeAgain;
  if (events.empty()) return;
  if (role_ == Role::leading) {
    for (const Event& event : events) append_proposed(self_, event, now);
    applied();
  } else if (role_ == Role::following) {
    send(term_.leader, LogProposal{.incarnation = facts_.incarnation, .events = std::move(events)});
  }
}

}  // namespace exogpu::cluster
