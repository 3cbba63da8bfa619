// The faults of a world.
#include <algorithm>
#include <format>
#include <ranges>

#include "sim/world_node.h"

namespace exogpu::sim {

using namespace wire;
using telemetry::testing::SensorFault;

void World::schedule_faults() {
  const FaultRates& rates = scenario_.faults;
  const std::pair<const char*, double> kinds[] = {
      {"crash", rates.crash}, {"stall", rates.stall},     {"partition", rates.partition}, {"one_way", rates.one_way},
      {"slow", rates.slow},   {"burst", rates.burst},     {"drain", rates.drain},         {"model", rates.model},
      {"heat", rates.heat},   {"battery", rates.battery}, {"shortage", rates.shortage},   {"sensor", rates.sensor}};
  for (const auto& [what, rate] : kinds) {
    if (rate <= 0) continue;
    double at_s = 1;
    while ((at_s += dice_.exponential(1 / rate)) < scenario_.faults_s) {
      after(seconds(at_s), [this, kind = std::string(what)] {
        if (!healed_) fault(kind);
      });
    }
  }
}

void World::until_later(double for_s, std::function<void()> end) {
  after(seconds(for_s), [this, end = std::move(end)] {
    if (!healed_) end();
  });
}

// One direction of a link is blocked or slow.
void World::cut_a_link(const std::string& what, uint32_t node, uint32_t other, double for_s) {
  if (what == "slow") {
    trace(std::format("n{} to n{} is slow", node, other));
    network_.slow(node, other, dice_.between(50, 300));
    return until_later(for_s, [this, node, other] { network_.fast(node, other); });
  }
  trace(std::format("n{} no longer reaches n{}", node, other));
  network_.block(node, other);
  look_at_channels();
  until_later(for_s, [this, node, other] {
    network_.unblock(node, other);
    look_at_channels();
  });
}

void World::fault(const std::string& what) {
  const auto count = static_cast<uint32_t>(nodes_.size());
  const auto node = static_cast<uint32_t>(dice_.below(count));
  const auto other = static_cast<uint32_t>((node + 1 + dice_.below(std::max(1U, count - 1))) % count);
  const double for_s = dice_.between(0.05, scenario_.faults.longest_s);
  const auto leader = leading_node();
  if (what == "crash") {
    // As often as not it is the one that hurts most.
    const uint32_t victim = leader && dice_.chance(0.4) ? *leader : node;
    crash(victim);
    until_later(for_s, [this, victim] { start(victim); });
  } else if (what == "stall") {
    stall(leader && dice_.chance(0.4) ? *leader : node, for_s);
  } else if (what == "partition") {
    trace("a partition");
    for (uint32_t i = 0; i < count; ++i) network_.split(i, dice_.chance(0.5) ? 1 : 0);
    look_at_channels();
    until_later(for_s, [this, count] {
      trace("the partition ends");
      for (uint32_t i = 0; i < count; ++i) network_.split(i, 0);
      look_at_channels();
    });
  } else if ((what == "one_way" || what == "slow") && count > 1) {
    cut_a_link(what, node, other, for_s);
  } else if (what == "burst") {
    trace("a third of all messages is lost");
    network_.lose(0.33);
    until_later(for_s, [this] { network_.lose(0); });
  } else if (what == "heat") {
    set_heat(node, dice_.between(0.1, 0.7));
    until_later(for_s, [this, node] { set_heat(node, 1); });
  } else if (what == "sensor") {
    constexpr SensorFault kinds[] = {SensorFault::stuck, SensorFault::absent, SensorFault::spikes};
    set_sensor_fault(node, kinds[dice_.below(std::size(kinds))]);
    until_later(for_s, [this, node] { set_sensor_fault(node, SensorFault::none); });
  } else if (what == "battery") {
    set_battery(node, dice_.between(0.02, 0.4), true);
    until_later(for_s, [this, node] { set_battery(node, 0.5, false); });
  } else if (what == "shortage") {
    set_memory_left(node, dice_.between(0.2, 0.8));
    until_later(for_s, [this, node] { set_memory_left(node, 1); });
  } else if (what == "drain") {
    command(node, DrainingSet{.node = node_id(other), .draining = dice_.chance(0.5)});
  } else if (what == "model") {
    do_step({.what = "model", .node = static_cast<int>(node)});
  }
}

void World::do_step(const ScriptStep& step) {
  const auto leader = leading_node();
  if (step.node < 0 && !leader) return;
  const uint32_t node = step.node < 0 ? *leader : static_cast<uint32_t>(step.node);
  const auto count = static_cast<uint32_t>(nodes_.size());
  if (step.what == "crash") {
    crash(node);
  } else if (step.what == "start") {
    start(node);
  } else if (step.what == "stall") {
    stall(node, step.for_s);
  } else if (step.what == "cut") {
    trace(std::format("n{} is cut off", node));
    network_.split(node, node + 1);
    look_at_channels();
    if (step.for_s > 0) {
      after(seconds(step.for_s), [this, node] {
        trace(std::format("n{} is no longer cut off", node));
        network_.split(node, 0);
        look_at_channels();
      });
    }
  } else if (step.what == "heal") {
    for (uint32_t i = 0; i < count; ++i) network_.split(i, 0);
    look_at_channels();
  } else if (step.what == "drain" || step.what == "undrain") {
    command((node + 1) % count, DrainingSet{.node = node_id(node), .draining = step.what == "drain"});
  } else if (step.what == "model") {
    trace("another model is to be served");
    command(node, ModelSet{.model = model(++model_)});
    if (model_ <= scenario_.models) return;
    command(node,
            ModelRemoved{.content = model(model_ - scenario_.models).content, .reason = "another is to be served"});
  }
}

// The network is whole, no node stands still, and those that are down start, but for one in ten.
void World::heal() {
  trace("the last fault is over");
  network_.heal();
  healed_ = true;
  healed_at_ = now_;
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i]->warm) set_heat(i, 1);
    set_sensor_fault(i, SensorFault::none);
    if (!dice_.chance(0.3)) set_battery(i, 1, false);  // where it is low, it stays so
    if (scenario_.faults.shortage > 0 && !dice_.chance(0.3)) set_memory_left(i, 1);
    if (!is_alive(i) && !dice_.chance(0.1)) start(i);
    recover(i);
  }
  if (std::ranges::none_of(std::views::iota(0U, static_cast<uint32_t>(nodes_.size())),
                           [&](uint32_t i) { return is_alive(i); })) {
    start(0);
  }
  look_at_channels();
}

}  // namespace exogpu::sim
