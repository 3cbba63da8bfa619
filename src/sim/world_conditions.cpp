// The conditions of the nodes of a world: heat, batteries and memory, and what their sensors measure.
#include <format>

#include "sim/world_node.h"

namespace exogpu::sim {

using namespace cluster;
using namespace wire;

namespace {

constexpr Duration kConditionEvery = std::chrono::seconds(2);
constexpr double kLimitC = 100;
constexpr double kCriticalRate = 0.25;  // below this share of its rate a device is critically hot

}  // namespace

void World::set_heat(uint32_t number, double rate_share) {
  SimNode& node = *nodes_[number];
  if (node.heat == rate_share) return;
  node.heat = rate_share;
  trace(std::format("n{} computes at {:.0f} % of its rate", number, 100 * rate_share));
  report_condition(number);
}

void World::set_battery(uint32_t number, double charge, bool feeds) {
  SimNode& node = *nodes_[number];
  if (node.charge == charge && node.on_battery == feeds) return;
  node.charge = charge;
  node.on_battery = feeds;
  trace(std::format("n{} has {:.0f} % of its battery{}", number, 100 * charge, feeds ? "" : ", and is charged"));
  report_condition(number);
}

void World::set_memory_left(uint32_t number, double share) {
  SimNode& node = *nodes_[number];
  if (node.memory_left == share) return;
  node.memory_left = share;
  trace(std::format("n{} leaves {:.0f} % of its memory to plans", number, 100 * share));
  report_condition(number);
}

// As a node does it.
void World::update_drivers(uint32_t number) {
  SimNode& node = *nodes_[number];
  for (const auto& [content, worker] : node.workers->all()) {
    if (worker->driver() == nullptr || !worker->plan()) continue;
    worker->driver()->keep_cached(!caches_are_given_up(node.agent->state().nodes, *worker->plan()));
    worker->driver()->keep_chunks_small(chunks_are_small(node.agent->state().nodes, *worker->plan()));
  }
}

// Of a device whose heat is a fault, with noise.
DeviceReadings World::readings_by_fault(uint32_t number) {
  const double heat = nodes_[number]->heat;
  const bool hot = heat < 1, critical = heat < kCriticalRate;
  const double warm_c = critical ? kLimitC : hot ? kLimitC - 8 : 55;
  return {.device = "gpu0",
          .load = hot ? 1 : dice_.between(0, 0.1),
          .temperature_c = warm_c + dice_.between(-1, 1),
          .limit_c = kLimitC,
          .throttled = hot,
          .speed = heat};
}

void World::report_condition(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (!node.alive) return;
  compare_steps(number);
  const SensorReadings readings{.load = dice_.between(0, 0.1),
                                .charge = node.charge,
                                .on_battery = node.on_battery,
                                .devices = {node.warm ? warm_readings(number) : readings_by_fault(number)}};
  NodeCondition condition = node.watch.update(readings, now_);
  set_condition(number, std::move(condition));
  drive(number);
}

void World::watch_condition(uint32_t number) {
  report_condition(number);
  const NodeCondition& reported = nodes_[number]->watch.reported();
  const bool well = nodes_[number]->heat == 1 && !nodes_[number]->on_battery &&
                    !(reported.battery && reported.battery->low) &&
                    (reported.devices.empty() || reported.devices[0].heat == Heat::normal);
  after(well ? kConditionEvery : kConditionEvery / 4, [this, number, incarnation = nodes_[number]->incarnation] {
    if (nodes_[number]->alive && nodes_[number]->incarnation == incarnation) watch_condition(number);
  });
}

void World::set_condition(uint32_t number, NodeCondition condition) {
  SimNode& node = *nodes_[number];
  condition.shards = shards_of(node.workers->local_plans());
  if (!has(InjectedBug::speeds_unreported)) condition.speeds = node.speeds.reported();
  if (node.memory_left < 1) {
    condition.memory = {.pressure = MemoryPressure::layers,
                        .bytes_max = static_cast<Bytes>(node.memory_left * static_cast<double>(node.memory))};
  }
  if (!has(InjectedBug::condition_unreported)) node.agent->set_condition(std::move(condition), now_);
}

}  // namespace exogpu::sim
