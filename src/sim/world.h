// A cluster of the real agents, planner, workers, rings and continuations on the clock and the network of a simulator.
// Everything that happens follows from the scenario and the seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "cluster/agent.h"
#include "cluster/condition.h"
#include "net/channel.h"
#include "sim/answer_checks.h"
#include "sim/checks.h"
#include "sim/clients.h"
#include "sim/fairness_checks.h"
#include "sim/frame_tamper.h"
#include "sim/injected_bug.h"
#include "sim/network.h"
#include "sim/scenario.h"

namespace exogpu::model {
class Gguf;
}
namespace exogpu::pipeline {
struct StageInput;
}
namespace exogpu::worker {
struct PartKey;
class ModelWorkers;
}  // namespace exogpu::worker

namespace exogpu::sim {

class Clients;

struct RunOptions {
  uint64_t seed = 1;
  InjectedBug bug = InjectedBug::none;
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
  std::vector<double> elections_s;       // from the crash of a leader until all running nodes obey another
  std::vector<double> leaders_s;         // until each that did not crash and has whole links obeys a running one
  std::vector<double> services_s;        // from a crash until the model is served again
  std::optional<double> settled_s;       // after the last fault
  std::optional<double> first_leader_s;  // all obey one, for the first time
  std::optional<double> first_service_s;
  AnswerCounts answers;
  Traffic leader, others_mean, others_most;  // in the time measured
  double cpu_s = 0;                          // of the agents, their codec and their plans, in the time measured
  uint64_t state_bytes = 0;                  // of a snapshot, at the end
  double hottest_c = 0;                      // of devices with a trace
};

// Beside its own bytes, a message over TLS and TCP takes: piece and frame headers 16, a TLS record 22, TCP with
// timestamps 32, IPv4 20, Ethernet 14.
inline constexpr size_t kCarriedBytes = 104;

constexpr uint32_t kSequencesOfPool = 4;  // where a scenario's models have a pool

class World {
 public:
  World(const Scenario& scenario, RunOptions options);
  ~World();
  Outcome run();

 private:
  struct SimNode;
  struct TimedEvent {
    Time at;
    uint64_t number = 0;
    std::function<void()> what;
    friend bool operator>(const TimedEvent& a, const TimedEvent& b) {
      return a.at != b.at ? a.at > b.at : a.number > b.number;
    }
  };

  bool has(InjectedBug bug) const { return options_.bug == bug; }
  void after(Duration wait, std::function<void()> what);
  // In this incarnation of the node; a stalled process does what it should have done when it continues.
  void later(uint32_t node, Duration wait, std::function<void()> what);
  void run_until(Time end);
  void trace(const std::string& text) const;
  wire::NodeId node_id(uint32_t node) const;
  bool is_alive(uint32_t node) const;
  uint32_t number_of(wire::NodeId id) const;

  // Nodes, from start to crash (world_nodes.cpp).
  wire::NodeFacts facts_of(uint32_t node) const;
  wire::ServedModel model(uint32_t variant) const;
  void start(uint32_t node);
  void crash(uint32_t node);
  void stall(uint32_t node, double for_s);
  void recover(uint32_t node);  // from a stall
  void command(uint32_t node, const wire::Event& event);
  std::optional<uint32_t> leading_node() const;

  // An agent: its actions and timers (world_agents.cpp).
  void drive(uint32_t node);  // sends what its agent has to send, and so on
  void send_output(uint32_t node, const cluster::Output& out);
  void observe_role(uint32_t node);
  void observe_state(uint32_t node);
  void set_wake(uint32_t node);
  void wake(uint32_t node);
  void deliver(uint32_t from, uint32_t to, const std::shared_ptr<const cluster::Message>& message);
  bool tampered(uint32_t to, cluster::Message& message);
  void count(uint32_t from, uint32_t to, size_t bytes);

  // Channels, which both ends notice on their own (world_channels.cpp).
  void look_at_channel(uint32_t a, uint32_t b, double wait_s);
  void look_at_channels();
  void update_channel(uint32_t a, uint32_t b);
  void link_down(uint32_t node, uint32_t peer);
  void link_up(uint32_t node, uint32_t peer);

  // The condition of nodes (world_conditions.cpp).
  void set_heat(uint32_t node, double rate_share);
  void set_battery(uint32_t node, double charge, bool feeds);
  void set_memory_left(uint32_t node, double share);
  void update_drivers(uint32_t number);
  void watch_condition(uint32_t node);  // now, and at intervals in this incarnation of it
  void report_condition(uint32_t node);
  cluster::DeviceReadings readings_by_fault(uint32_t node);
  cluster::DeviceReadings warm_readings(uint32_t node);
  void set_condition(uint32_t node, wire::NodeCondition condition);

  // How long steps take, and what their profiles say (world_speeds.cpp).
  double step_s(const SimNode& node, const wire::LayerRange& layers, size_t rows) const;
  void compare_steps(uint32_t number);
  // Which stage of the plan takes another time than plans know; empty: none.
  std::string mispredicted(const wire::ReplicatedState& state, const wire::ModelRecord& model) const;

  // Devices with a trace (world_heat.cpp).
  void make_warm_devices();
  void set_sensor_fault(uint32_t node, telemetry::testing::SensorFault fault);
  void advance_heat(uint32_t node);  // every half second

  // A worker with fake devices (world_workers.cpp).
  void start_worker(uint32_t node);
  std::unique_ptr<worker::ModelWorkers> make_workers(uint32_t node);
  void on_worker_changed(uint32_t node);
  void on_worker(uint32_t node);
  void fetch(uint32_t node, const wire::LayerRange& layers,
             std::function<void(Result<std::shared_ptr<const model::Gguf>>)> done);
  Bytes bytes_of(uint32_t node, const worker::PartKey& key);
  void on_step(uint32_t node, const pipeline::StageInput& input, size_t waiting);
  void plan_broken(uint32_t node, const wire::PlanEnded& broken);
  void reverse_epoch(uint32_t node);

  // Requests (world_requests.cpp).
  void start_requests(uint32_t node);
  void tick_requests(uint32_t node);
  void update_clients(uint32_t node);
  std::set<std::string> busy(uint32_t node) const;  // models, by content id
  void report_busy(uint32_t node);
  void schedule_requests();
  wire::ClientId any_client();
  void ask(uint32_t node, wire::ClientId client);
  Clients& clients_of(uint32_t node, const std::string& content);
  std::string excuse(uint32_t node, const std::string& content) const;

  // Models that are loaded for requests (world_library.cpp).
  struct WaitingRequest {
    uint32_t variant = 0;
    ClientRequest request;
  };
  void want_model(uint32_t node, uint32_t variant);
  void ask_for(uint32_t node, uint32_t variant, ClientRequest request);
  void retry_waiting(uint32_t node);
  std::string library_excuse(uint32_t node, const std::string& content) const;
  void check_removed(uint32_t node);
  void check_waiting();

  // The frames that nodes send each other for them (world_frames.cpp).
  Result<void> send_frame(uint32_t from, uint32_t to, net::Outgoing frame);
  void queue_frame(uint32_t from, uint32_t to, Frame frame);
  void arrive(uint32_t from, uint32_t to);
  void receive(uint32_t from, uint32_t to, const Frame& frame);
  Result<void> on_control(uint32_t from, uint32_t to, const Frame& frame);
  uint32_t& connection(uint32_t a, uint32_t b) {
    return connections_[static_cast<size_t>(std::min(a, b)) * nodes_.size() + std::max(a, b)];
  }

  // Faults (faults.cpp).
  void schedule_faults();
  void fault(const std::string& what);
  void cut_a_link(const std::string& what, uint32_t node, uint32_t other, double for_s);
  void until_later(double for_s, std::function<void()> end);
  void do_step(const ScriptStep& step);
  void heal();

  // Whether all is well (world_checks.cpp).
  std::string unsettled() const;  // why it is not settled; empty: it is
  std::string unsettled(uint32_t node, uint32_t leader) const;
  std::string unsettled(const wire::ReplicatedState& state, const wire::ModelRecord& model) const;
  bool better_plan_pending() const;  // there is a better one than the current
  bool all_have_leaders() const;
  bool all_obey(uint32_t leader) const;
  bool served_by_living(uint32_t leader) const;
  void watch();  // every 10 ms
  void watch_leaders();
  void watch_service();
  void settle();
  void run_to_the_end();
  void measure(Outcome& outcome, double cpu_before) const;

  Scenario scenario_;
  RunOptions options_;
  Dice dice_;
  Network network_;
  Checks checks_;
  Time now_{};
  uint64_t events_ = 0;
  std::priority_queue<TimedEvent, std::vector<TimedEvent>, std::greater<>> queue_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::vector<uint8_t> channel_;  // [nodes, nodes]: known as up
  AnswerChecks answer_checks_;
  FairnessChecks fairness_;
  std::vector<uint32_t> connections_;  // [nodes, nodes]: how often the channel has broken
  struct InFlight {
    Time at;
    uint32_t connection = 0;
    Frame frame;
  };
  struct Stream {
    std::deque<InFlight> frames;
    Bytes bytes = 0;
  };
  std::map<std::pair<uint32_t, uint32_t>, Stream> streams_;  // by sender and receiver
  FrameTamper tamper_;
  uint64_t requests_ = 0;
  bool tampered_ = false;
  bool healed_ = false;
  Time healed_at_{};
  uint64_t watched_ = 0;
  uint32_t model_ = 0;  // the last that was to be served
  Outcome outcome_;
  std::optional<Time> leader_crashed_;
  std::optional<Time> leader_missed_;
  std::optional<Time> service_lost_;
  wire::Term term_crashed_;
  std::vector<uint64_t> counted_messages_, counted_bytes_;
  double agents_cpu_s_ = 0;
};

}  // namespace exogpu::sim
