// A node's part in its cluster: notices who is gone, agrees on a leader, leads or follows, and keeps the state.
//
// No input or output, no thread, no clock: what happened goes in together with the time, and what to send comes out.
// Any message may be lost, doubled or overtaken; what is under way is told again until it is seen to have arrived.
// docs/architecture.md ("The cluster") has the protocol and its guarantees.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "cluster/detector.h"
#include "cluster/link_faults.h"
#include "cluster/log.h"
#include "cluster/order.h"
#include "wire/cluster_log.h"
#include "wire/election.h"

namespace exogpu::cluster {

using Message = std::variant<wire::ElectionProbe, wire::Heartbeat, wire::HeartbeatAck, wire::LinkPing, wire::LogEntries,
                             wire::LogSnapshot, wire::LogProposal>;

struct Send {
  wire::NodeId to;
  std::shared_ptr<const Message> message;  // the same one where several get it
};

struct Output {
  // The highest counter of a term that this node has begun. To be on disk before `sends` leave, and to be given to the
  // agent when it starts again: else it could lead twice in one term.
  std::optional<uint64_t> persist_counter;
  std::vector<Send> sends;
  bool state_changed = false;                // state() is another
  std::vector<std::string> failed_commands;  // commands that no leader took, each with the reason
};

struct AgentOptions {
  uint64_t counter = 0;                                 // as it was kept; 0 at the very first start
  Duration boot_wait = std::chrono::milliseconds(500);  // to hear from others before leading
};

enum class Role { electing, following, leading };

class Agent {
 public:
  // `facts` are this node's own, but for the links, which are measured here.
  Agent(wire::NodeFacts facts, AgentOptions options, Time now);

  // Channels come and go; messages are only sent where one is.
  void link_up(wire::NodeId peer, Time now);
  void link_down(wire::NodeId peer, Time now);
  void receive(wire::NodeId from, const Message& message, Time now);
  // To be called at wake() or soon after.
  void tick(Time now);
  Time wake() const;

  void set_facts(wire::NodeFacts facts, Time now);
  // As ConditionFilter has it: all are told of each change.
  void set_condition(wire::NodeCondition condition, Time now);
  // How the stages of this node stand in the plan of this epoch, by their index.
  void set_stages(wire::PlanEpoch epoch, std::map<uint32_t, wire::StageStatus> stages, Time now);
  void set_busy(bool busy) { busy_ = busy; }
  // The ring of this plan can do no more; since the link of these two is lost, where one is given.
  void plan_broken(wire::PlanEpoch epoch, std::string why, std::optional<wire::NodePair> link, Time now);
  // What a link is like, as it was measured elsewhere. Told to the others now and then, where it has changed much.
  struct LinkMeasured {
    Duration round_trip{};
    Duration jitter{};
    double bytes_per_s = 0;  // 0: not yet
    double loss = 0;
  };
  void set_link(wire::NodeId peer, const LinkMeasured& measured);
  // What a user wants: DrainingSet, ModelSet or NodeForgotten. Told to one leader after the other until the state shows
  // it, for at most 30 s.
  void command(const wire::Event& event, Time now);

  // What there is to do since the last call.
  Output take();

  wire::NodeId self() const { return self_; }
  Role role() const { return role_; }
  // The highest that this node has obeyed or led. Nothing of an older one is to be obeyed.
  const wire::Term& term() const { return term_; }
  // Who leads, as far as this node knows now.
  std::optional<wire::NodeId> leader() const;
  const wire::ReplicatedState& state() const { return state_; }
  // Why this node has no leader; for people.
  std::string no_leader_reason() const;
  std::optional<Duration> round_trip(wire::NodeId peer) const;

 private:
  struct Peer {
    bool linked = false;
    std::optional<wire::ElectionProbe> probe;
    Time reported_at{};  // when
    std::optional<Duration> round_trip;
    LinkMeasured measured;
  };
  struct Follower {
    explicit Follower(Time now) : detector(now), next_heartbeat(now) {}
    Detector detector;
    Time next_heartbeat;
    uint64_t number = 0, acked = 0;
    std::map<uint64_t, Time> sent;       // heartbeats that are not answered yet
    std::optional<uint64_t> sent_index;  // index of what was sent of the log; nothing before the first answer
    Time sent_at{};
    wire::PlanEpoch epoch;
    bool busy = false;
  };
  struct Election {
    Time next{};
    size_t batch = 0;               // of the list of candidates, asked
    std::set<wire::NodeId> probed;  // since then
    Time since{};                   // the round
    bool waiting = false;           // until `next`, whatever is heard
    int rounds = 0;
    std::map<wire::NodeId, int> unanswered;  // waited for, without its coming forward
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
  void observe_term(const wire::Term& term) { counter_max_ = std::max(counter_max_, term.counter); }
  void ping_next_link(Time now);
  void publish_links(Time now);

  // Electing (agent_election.cpp).
  void start_election(Time now, Duration wait);
  std::vector<wire::NodeId> candidates() const;
  void send_probes(Time now);
  void evaluate_replies(Time now);
  bool all_replied() const;
  void claim_term(Time now);
  std::string lost_leader_reason(wire::NodeId leader) const;

  // Following (agent_follow.cpp).
  bool follow_leader(const wire::Term& term, wire::NodeId from, Time now);
  bool leader_reachable(Time now) const;
  void applied();
  void propose(Time now);
  std::vector<wire::Event> unreported() const;

  // Leading (agent_lead.cpp).
  void invite(wire::NodeId node, Time now);
  void resolve_leaders(wire::NodeId from, const wire::ElectionProbe& other, Time now);
  void append(const wire::Event& written);
  size_t condition_bytes(wire::NodeId node, const wire::NodeCondition& condition) const;
  void append_proposed(wire::NodeId from, const wire::Event& event, Time now);
  void update_link_avoidance(Time now);
  void lead(Time now);
  void send_heartbeat(wire::NodeId node, Follower& follower, Time now);
  void scan_for_others(Time now);
  void replicate(wire::NodeId node, Follower& follower, const wire::Position& at, Time now);
  void flush(Time now);
  void plan(Time now);
  bool idle() const;
  void remember_plan();
  uint32_t followers() const { return static_cast<uint32_t>(followers_.size()); }

  wire::NodeId self_;
  wire::NodeFacts facts_;
  wire::NodeCondition condition_;
  AgentOptions options_;
  Time started_;
  Role role_ = Role::electing;
  wire::Term term_;
  uint64_t counter_max_ = 0;
  wire::ReplicatedState state_;
  std::optional<wire::PlanMade> previous_plan_;  // the last that the state had
  Log log_;
  std::map<wire::NodeId, Peer> peers_;
  Output out_;

  std::map<uint32_t, wire::StageStatus> stages_;
  wire::PlanEpoch stages_epoch_;  // the highest that this node has had parts of
  wire::PlanEpoch epoch_max_;     // the highest of any state that it was told
  std::optional<wire::PlanEnded> broken_;
  bool busy_ = false;
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
  // Following.
  Detector leader_{Time{}};
  uint32_t leader_followers_ = 0;
  bool leader_serving_ = false;
  bool propose_ = false;  // something may differ from the state
  Time propose_at_{};     // not before
  // Leading.
  std::map<wire::NodeId, Follower> followers_;
  Time lead_at_{};
  Time scan_at_{};
  wire::NodeId scanned_;
  wire::Position flushed_;
  Time flushed_at_{};
  bool plan_stale_ = false;  // the plan is to be looked at
  bool postponed_ = false;   // until nobody is being answered
  Time plan_at_{};
  size_t facts_bytes_ = 0;  // of all nodes
  LinkFaults faults_;
};

}  // namespace exogpu::cluster
