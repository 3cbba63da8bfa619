// A cluster of the real agents, planner and reconciler on a clock and a network that are made up. Everything that
// happens follows from the scenario and the seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "cluster/agent.h"
#include "sim/answer_checks.h"
#include "sim/checks.h"
#include "sim/network.h"
#include "sim/ring.h"
#include "sim/scenario.h"
#include "sim/worker.h"

namespace exogpu::sim {

// A mistake put in by hand, to see that a check finds it. None is in the product's code.
enum class Mistake {
  none,
  counter_lost,       // what Output::keep_counter says is not kept over a restart
  term_forgotten,     // an agent is replaced by one that has forgotten which term it obeyed
  event_changed,      // one node is told another event than the others
  memory_kept,        // a worker unloads, and the memory stays taken
  epoch_reversed,     // a worker takes on the plan before the last once more
  node_unheard,       // one node gets no heartbeat after the faults
  busy_kept,          // a node that was once busy says so for ever
  token_dropped,      // one of the tokens that a client is sent
  end_dropped,        // the message that says that an answer is whole
  token_forgotten,    // by a client's node, when it asks the next ring
  row_changed,        // one of the activations, on its way to the next stage
  caches_kept,        // of sequences, by stages that a new plan leaves where they are
  step_dropped,       // on its way to the next stage, and none of the stages looks at the numbers of steps
  given_up_early,     // a client's node does not wait for the next plan
  condition_unheard,  // no agent is told how its node does
};

struct RunOptions {
  uint64_t seed = 1;
  Mistake mistake = Mistake::none;
  std::function<void(const std::string&)> trace;  // a line for each thing that happens
};

struct Traffic {
  double messages_per_s = 0;  // sent and received
  double bytes_per_s = 0;     // likewise, with what carries them: see kCarriedBytes
};

struct Outcome {
  std::string failure;  // empty: all checks passed
  uint64_t messages = 0;
  uint64_t message_bytes = 0;
  uint64_t elections = 0;                // terms that were begun
  std::vector<double> elections_s;       // from the crash of a master until all who live obey another
  std::vector<double> masters_s;         // until each who lived on and has whole links obeys one that lives
  std::vector<double> services_s;        // from a crash until the model is served again
  std::optional<double> settled_s;       // after the last fault
  std::optional<double> first_master_s;  // all obey one, for the first time
  std::optional<double> first_service_s;
  AnswerCounts answers;
  Traffic master, others_mean, others_most;  // in the time measured
  double cpu_s = 0;                          // of the agents, their codec and their plans, in the time measured
  uint64_t state_bytes = 0;                  // of a snapshot, at the end
};

// Beside its own bytes, a message over TLS and TCP takes: piece and frame headers 16, a TLS record 22, TCP with
// timestamps 32, IPv4 20, Ethernet 14.
inline constexpr size_t kCarriedBytes = 104;

class World {
 public:
  World(const Scenario& scenario, RunOptions options);
  ~World();
  Outcome run();

 private:
  struct SimNode;
  struct Happening {
    Time at;
    uint64_t number = 0;
    std::function<void()> what;
    friend bool operator>(const Happening& a, const Happening& b) {
      return a.at != b.at ? a.at > b.at : a.number > b.number;
    }
  };

  void after(Duration wait, std::function<void()> what);
  void run_until(Time end);
  void trace(const std::string& text) const;

  wire::NodeFacts facts_of(uint32_t node) const;
  wire::ServedModel model(uint32_t variant) const;
  void start(uint32_t node);
  void crash(uint32_t node);
  void stall(uint32_t node, double for_s);
  void look_at_channel(uint32_t a, uint32_t b, double wait_s);
  void look_at_channels();
  void tell_channel(uint32_t a, uint32_t b);
  void drive(uint32_t node);  // sends what its agent has to send, and so on
  void wake(uint32_t node);
  void deliver(uint32_t from, uint32_t to, const std::shared_ptr<const cluster::Message>& message);
  bool tampered(uint32_t to, cluster::Message& message);
  void command(uint32_t node, const wire::Event& event);
  std::optional<uint32_t> master() const;
  uint32_t number_of(wire::NodeId id) const;

  wire::NodeId node_id(uint32_t node) const;
  bool is_alive(uint32_t node) const;
  void recover(uint32_t node);  // from a stall
  void set_heat(uint32_t node, double rate_left);
  void set_battery(uint32_t node, double charge, bool feeds);
  void watch_condition(uint32_t node);  // now, and every so often in this life of it
  void tell_condition(uint32_t node);

  // Requests, and what nodes say to each other for them (world_requests.cpp).
  void start_requests(uint32_t node);
  void look_at_requests(uint32_t node);
  void throw_requests();
  void ask(uint32_t node);
  bool send_ring(uint32_t from, uint32_t to, RingMessage message);
  void arrive(uint32_t from, uint32_t to);
  void hand_over(uint32_t from, uint32_t to, const RingMessage& message);
  bool tampered(RingMessage& message);
  void lost_of_ring(uint32_t node, wire::PlanEpoch epoch, wire::NodeId peer);
  std::string excuse(uint32_t node, const std::string& model) const;
  uint32_t& connection(uint32_t a, uint32_t b) {
    return connections_[static_cast<size_t>(std::min(a, b)) * nodes_.size() + std::max(a, b)];
  }

  // What goes wrong (faults.cpp).
  void throw_faults();
  void fault(const std::string& what);
  void do_step(const ScriptStep& step);
  void heal();
  std::string unsettled() const;  // why it is not settled; empty: it is
  bool plan_put_off() const;      // there is a better one than that in force
  bool all_have_masters() const;
  void watch();  // every 10 ms
  void count(uint32_t from, uint32_t to, size_t bytes);
  void measure(Outcome& outcome, double cpu_before) const;

  Scenario scenario_;
  RunOptions options_;
  Dice dice_;
  Network network_;
  Checks checks_;
  Time now_{};
  uint64_t happenings_ = 0;
  std::priority_queue<Happening, std::vector<Happening>, std::greater<>> queue_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::vector<uint8_t> channel_;  // [nodes, nodes]: told as up
  AnswerChecks answer_checks_;
  std::vector<uint32_t> connections_;  // [nodes, nodes]: how often the channel has broken
  struct Pending {
    Time at;
    uint32_t connection = 0;
    RingMessage message;
  };
  std::map<std::pair<uint32_t, uint32_t>, std::deque<Pending>> streams_;  // on their way, by sender and receiver
  uint64_t requests_ = 0;
  bool tampered_ = false;
  bool healed_ = false;
  Time healed_at_{};
  uint64_t watched_ = 0;
  uint32_t model_ = 0;
  Outcome outcome_;
  std::optional<Time> master_crashed_;
  std::optional<Time> master_missed_;
  std::optional<Time> service_lost_;
  wire::Term term_crashed_;
  std::vector<uint64_t> counted_messages_, counted_bytes_;
  double agents_cpu_s_ = 0;
};

}  // namespace exogpu::sim
