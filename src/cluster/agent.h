// The cluster protocol of one node: detects lost nodes, elects a leader, leads or follows, and replicates the state.
//
// Does no input or output and has no thread and no clock: the caller passes events with their time and sends the
// messages that take() returns. The protocol tolerates lost, duplicated and reordered messages: it sends again until
// acknowledged. docs/architecture.md ("The cluster") has the protocol and its guarantees.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cluster/counter_guard.h"
#include "cluster/detector.h"
#include "cluster/link_faults.h"
#include "cluster/log.h"
#include "cluster/message.h"
#include "cluster/order.h"
#include "cluster/plan_for.h"
#include "wire/cluster_log.h"
#include "wire/election.h"

namespace exogpu::cluster {

struct Send {
  wire::NodeId to;
  std::shared_ptr<const Message> message;  // shared by all receivers
};

struct Output {
  // The highest counter of a term that this node has begun. The caller writes it to disk before it sends `sends` and
  // passes it to the agent at the next start (AgentOptions::counter): else the node could lead twice in one term.
  std::optional<uint64_t> persist_counter;
  std::vector<Send> sends;
  bool state_changed = false;
  std::vector<std::string> failed_commands;  // commands that no leader accepted, each with the reason
  std::vector<std::string> not_believed;     // nodes whose messages count as lost, and why; at most one a minute
};

struct AgentOptions {
  uint64_t counter = 0;                                 // the last Output::persist_counter; 0 at the very first start
  Duration boot_wait = std::chrono::milliseconds(500);  // before an election can make this node leader
  // Whether a node, this one included, may lead and know the API's keys. Others get the state without keys.
  std::function<bool(wire::NodeId)> trusted = [](wire::NodeId) { return true; };
};

enum class Role { electing, following, leading };

class Agent {
 public:
  // `facts` describe this node. The agent ignores their links and measures its own.
  Agent(wire::NodeFacts facts, AgentOptions options, Time now);

  // The agent sends only to nodes with a link.
  void link_up(wire::NodeId peer, Time now);
  void link_down(wire::NodeId peer, Time now);
  void receive(wire::NodeId from, const Message& message, Time now);
  // The caller calls it at wake() or soon after.
  void tick(Time now);
  Time wake() const;

  void set_facts(wire::NodeFacts facts, Time now);
  // Each change is sent to all nodes, so the caller passes what ConditionFilter returns.
  void set_condition(wire::NodeCondition condition, Time now);
  // The models that this node has files of. Each change is sent to all nodes.
  void set_library(std::vector<wire::LibraryModel> models, Time now);
  // The API keys that this node knows. Those of which the state has no such record, or an earlier one, are proposed.
  void set_access_keys(std::vector<wire::AccessKey> keys, Time now);
  // While leading: sends all keys again, for a node that may know them only now.
  void repeat_access_keys(Time now);
  // The status of this node's stages in the plan of this epoch for the model with this content id, by stage index.
  void set_stages(const std::string& content, wire::PlanEpoch epoch, std::map<uint32_t, wire::StageStatus> stages,
                  Time now);
  // The models that this node has requests in progress for, by content id. One that is idle now makes room at once for
  // a model that waits for it.
  void set_busy(std::set<std::string> models, Time now);
  // A client of this node uses the model, perhaps for less time than passes between two calls of set_busy().
  void note_use(const std::string& content) { used_models_.insert(content); }
  // How long the models were not used, by content id, as far as this node knows.
  std::map<std::string, Duration> unused_models(Time now) const;
  // Reports that the ring of this plan has failed. It names the model, the plan, the reason, and the link whose loss
  // was the cause, if one was.
  void plan_broken(wire::PlanEnded broken, Time now);
  // Measurements of a link by its channel. The agent publishes them at intervals, when they have changed much.
  struct LinkMeasured {
    Duration round_trip{};
    Duration jitter{};
    double bytes_per_s = 0;  // 0: not measured yet
    double loss = 0;
  };
  void set_link(wire::NodeId peer, const LinkMeasured& measured);
  // Without effect at a node that is not trusted. A user's command: DrainingSet, ModelSet, ModelRemoved or
  // NodeForgotten. Proposed to each leader in turn until the state has it, for at most 30 s.
  void command(const wire::Event& event, Time now);

  // The output since the last call.
  Output take();

  wire::NodeId self() const { return self_; }
  Role role() const { return role_; }
  // The highest term that this node has followed or led. It follows no older one.
  const wire::Term& term() const { return term_; }
  // The leader, as far as this node knows now.
  std::optional<wire::NodeId> leader() const;
  const wire::ReplicatedState& state() const { return state_; }
  // Another number once the libraries of the nodes, the nodes themselves, or the models to be served have changed.
  uint64_t library_version() const { return library_version_; }
  // The reason why this node has no leader, for people; empty when it has one.
  std::string no_leader_reason() const;
  std::optional<Duration> round_trip(wire::NodeId peer) const;

 private:
  struct Peer {
    bool linked = false;
    std::optional<wire::ElectionProbe> probe;
    Time reported_at{};  // when `probe` arrived
    std::optional<Duration> round_trip;
    LinkMeasured measured;
  };
  struct Follower {
    explicit Follower(Time now) : detector(now), next_heartbeat(now) {}
    Detector detector;
    Time next_heartbeat;
    uint64_t number = 0, acked = 0;
    std::map<uint64_t, Time> sent;       // heartbeats without an acknowledgement, by number
    std::optional<uint64_t> sent_index;  // the last log index sent to it; empty before its first acknowledgement
    Time sent_at{};
    wire::PlanEpoch epoch;
    std::set<std::string> busy_models;
  };
  // Of one model.
  struct OwnStages {
    wire::PlanEpoch epoch;  // the highest plan of which this node has had stages
    std::map<uint32_t, wire::StageStatus> stages;
  };
  struct Election {
    Time next{};
    size_t batch = 0;               // how many of candidates() this round has probed
    std::set<wire::NodeId> probed;  // in this round
    Time since{};                   // the start of this round
    bool waiting = false;           // until `next`, whatever arrives before
    int rounds = 0;
    std::map<wire::NodeId, int> unanswered;  // rounds in which this candidate did not claim a term
    std::string why;
  };

  void send(wire::NodeId to, Message message);
  void step(Time now);
  wire::ElectionProbe make_probe(bool wants_reply, Time now) const;
  void send_probe(wire::NodeId to, bool wants_reply, Time now) { send(to, make_probe(wants_reply, now)); }
  bool linked(wire::NodeId node) const;
  Candidate candidate(const wire::ElectionProbe& probe, wire::NodeId node) const;
  void on(wire::NodeId from, const wire::ElectionProbe& message, Time now);
  void on(wire::NodeId from, const wire::Heartbeat& message, Time now);
  void on(wire::NodeId from, const wire::HeartbeatAck& message, Time now);
  void on(wire::NodeId from, const wire::LinkPing& message, Time now);
  void on(wire::NodeId from, const wire::LogEntries& message, Time now);
  void on(wire::NodeId from, const wire::LogSnapshot& message, Time now);
  void on(wire::NodeId from, const wire::LogProposal& message, Time now);
  void observe_term(const wire::Term& term) { counters_.observe(term.counter); }
  void report_counters(wire::NodeId of, Time now);
  void ping_next_link(Time now);
  void publish_links(Time now);

  // While electing (agent_election.cpp).
  void start_election(Time now, Duration wait);
  std::vector<wire::NodeId> candidates() const;
  void send_probes(Time now);
  void evaluate_replies(Time now);
  bool all_replied() const;
  void claim_term(Time now);
  std::string lost_leader_reason(wire::NodeId leader) const;

  // While following (agent_follow.cpp).
  void acknowledge(wire::NodeId leader, uint64_t number);
  bool follow_leader(const wire::Term& term, wire::NodeId from, Time now);
  bool leader_reachable(Time now) const;
  void apply_entry(const wire::Entry& entry);
  void applied();
  void propose(Time now);
  std::vector<wire::Event> unreported() const;

  // While leading (agent_lead.cpp).
  void invite(wire::NodeId node, Time now);
  void resolve_leaders(wire::NodeId from, const wire::ElectionProbe& other, Time now);
  void append(const wire::Event& written);
  size_t record_bytes(wire::NodeId node, const wire::NodeRecord& record) const;
  bool accept_report(wire::NodeId from, const wire::Event& event);
  void append_proposed(wire::NodeId from, const wire::Event& event, Time now);
  void update_link_avoidance(Time now);
  void lead(Time now);
  void send_heartbeat(wire::NodeId node, Follower& follower, Time now);
  void scan_for_others(Time now);
  void replicate(wire::NodeId node, Follower& follower, const wire::Position& at, Time now);
  void flush(Time now);
  void plan(Time now);

  // The models (agent_models.cpp).
  bool waits_for_room() const;
  // While leading.
  bool idle(const std::string& content) const;
  void note_uses(const std::set<std::string>& contents, Time now);
  void update_uses(Time now);
  void take_over_uses(Time now);
  std::vector<wire::ModelUse> model_uses(Time now) const;
  void remove_unused_models(Time now);
  bool make_room(const std::string& content, const PlanContext& context);
  void plan_model(const std::string& content, const PlanContext& context);
  void remember_plans();
  uint32_t followers() const { return static_cast<uint32_t>(followers_.size()); }

  wire::NodeId self_;
  wire::NodeFacts facts_;
  wire::NodeCondition condition_;
  std::vector<wire::LibraryModel> library_;
  std::vector<wire::AccessKey> access_keys_;
  AgentOptions options_;
  Time started_;
  Role role_ = Role::electing;
  wire::Term term_;
  CounterGuard counters_;
  std::optional<Time> counters_reported_at_;
  wire::ReplicatedState state_;
  uint64_t library_version_ = 0;
  std::map<std::string, wire::PlanMade> previous_plans_;  // the last plan of each model of the state
  Log log_;
  std::map<wire::NodeId, Peer> peers_;
  Output out_;

  std::map<std::string, OwnStages> stages_;        // by content id
  wire::PlanEpoch epoch_max_;                      // the highest plan of any state that it has received
  std::map<std::string, wire::PlanEnded> broken_;  // by content id
  std::set<std::string> busy_models_;
  std::set<std::string> used_models_;       // since the last acknowledgement, or since lead()
  std::map<std::string, Duration> unused_;  // as the leader reported it last, by content id
  struct Command {
    wire::Event event;
    Time until;
  };
  std::vector<Command> commands_;

  Time ping_at_{};
  uint64_t ping_number_ = 0;
  wire::NodeId pinged_;
  Time pinged_at_{};
  Time links_at_{};

  Election election_;
  // While following.
  Detector leader_{Time{}};
  uint32_t leader_followers_ = 0;
  bool leader_serving_ = false;
  bool propose_ = false;  // unreported() may return something
  Time propose_at_{};     // not before
  // While leading.
  std::map<wire::NodeId, Follower> followers_;
  Time lead_at_{};
  Time scan_at_{};
  wire::NodeId scanned_;
  wire::Position flushed_;
  Time flushed_at_{};
  bool plan_stale_ = false;              // an event since the last plan() affects plans
  std::map<std::string, Time> used_at_;  // by content id
  std::set<std::string> postponed_;      // models for which a better plan may wait until they are idle
  Time plan_at_{};
  Time planned_at_{};
  Time nodes_came_at_{};    // a node came online last: others may follow
  size_t facts_bytes_ = 0;  // of all nodes
  LinkFaults faults_;
};

}  // namespace exogpu::cluster
