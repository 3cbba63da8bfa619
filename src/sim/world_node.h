// A node of a world. Only for the .cpp files beside it.
#pragma once

#include <memory>

#include "cluster/condition.h"
#include "sim/clients.h"
#include "sim/world.h"

namespace exogpu::sim {

struct World::SimNode {
  wire::NodeId id;
  Bytes memory = 0;
  double rate = 0;
  double heat = 1;    // what is left of the rate
  double charge = 1;  // of its battery
  bool on_battery = false;
  cluster::ConditionWatch watch;
  wire::Fitness fitness;
  uint64_t counter_kept = 0;  // on its disk
  uint64_t lives = 0;
  bool alive = false;
  bool was_busy = false;
  std::unique_ptr<cluster::Agent> agent;
  std::unique_ptr<Worker> worker;
  std::unique_ptr<RingPart> ring;
  std::unique_ptr<Clients> clients;
  Time started{};
  Time stalled_until{};
  Time wake_at = Time::max();  // of the happening that is set
  cluster::Role role = cluster::Role::seeking;
  wire::Term term;

  Life life(uint32_t number) const { return {.node = number, .incarnation = lives}; }
};

}  // namespace exogpu::sim
