// A node of a world. Only for the .cpp files beside it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "cluster/condition.h"
#include "cluster/serving_speeds.h"
#include "pipeline/request_server.h"
#include "pipeline/ring_frames.h"
#include "sim/clients.h"
#include "sim/fake_backend.h"
#include "sim/warm_device.h"
#include "sim/world.h"
#include "worker/model_workers.h"

namespace exogpu::sim {

struct World::SimNode {
  wire::NodeId id;
  Bytes memory = 0;
  double rate = 0;
  double claims = 1;  // times the rate that its profile says
  double heat = 1;    // the share of the rate that remains
  double charge = 1;  // of its battery
  bool on_battery = false;
  double memory_left = 1;            // the share of its memory that plans are to use
  std::unique_ptr<WarmDevice> warm;  // null: the device becomes hot by fault alone
  cluster::ConditionFilter watch;
  wire::Fitness fitness;
  uint64_t counter_saved = 0;  // on its disk
  uint64_t incarnation = 0;
  bool alive = false;
  std::set<std::string> was_busy;  // models
  bool obeys = false;
  // The process. What is below calls what is above.
  std::unique_ptr<cluster::Agent> agent;
  std::unique_ptr<pipeline::RequestServer> server;
  std::map<std::string, std::unique_ptr<Clients>> clients;  // by content id
  std::vector<Clients*> clients_by_index;
  std::vector<WaitingRequest> waiting;       // for their models
  std::map<std::string, bool> known_models;  // of the last state, by content id, and whether they are pinned
  wire::Term known_in;                       // the term of that state
  std::shared_ptr<pipeline::Pacer> pacer;    // of its device
  cluster::ServingSpeeds speeds;
  uint64_t steps_alone = 0;  // of one token, that were compared
  Time compares_since{};
  std::unique_ptr<FakeBackend> backend;
  std::unique_ptr<worker::ModelWorkers> workers;
  std::unique_ptr<pipeline::RingFrames> frames;
  bool worker_due = false;
  std::map<std::string, wire::PlanEpoch> epochs;  // that the workers have taken on last, by content id
  std::map<std::tuple<std::string, uint32_t, uint32_t>, Bytes>
      part_bytes{};                                     // of the plans known, by content and layers
  std::optional<wire::ReplicatedState> state_before{};  // with a plan that it took on; for InjectedBug::epoch_reversed
  Time started{};
  Time stalled_until{};
  Time wake_at = Time::max();  // of the event that is set
  cluster::Role role = cluster::Role::electing;
  wire::Term term;

  NodeIncarnation current(uint32_t number) const { return {.number = number, .incarnation = incarnation}; }
  void end_process() {
    alive = false;
    frames.reset();
    workers.reset();
    backend.reset();
    pacer.reset();
    speeds = {};
    steps_alone = 0;
    clients_by_index.clear();
    clients.clear();
    waiting.clear();
    known_models.clear();
    server.reset();
    agent.reset();
    worker_due = false;
    obeys = false;
    epochs.clear();
    state_before.reset();
    wake_at = Time::max();
  }
};

}  // namespace exogpu::sim
