#include "sim/world.h"

#include <algorithm>
#include <chrono>
#include <format>

#include "cluster/fold.h"
#include "pipeline/fair_queue.h"
#include "sim/cpu_time.h"
#include "sim/world_node.h"

namespace exogpu::sim {

using namespace cluster;
using namespace wire;

namespace {

NodeId id_of(uint32_t number, uint64_t seed) {
  std::array<uint8_t, kKeyHashBytes> bytes{};
  const uint64_t noise = random_bits(seed ^ 0x6e6f6465, number);  // ids are hashes: their order is arbitrary
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(noise >> (8 * i));
  for (size_t i = 0; i < 4; ++i) bytes[12 + i] = static_cast<uint8_t>(number >> (8 * i));
  return NodeId(bytes);
}

constexpr uint32_t kWholeStatesMax = 64;
constexpr uint64_t kSequencesMax = 2;  // of a model without a pool, see World::model()
constexpr Duration kAnswerWait = std::chrono::seconds(3);

// See FairnessChecks.
uint64_t starvation_bound(const RequestSettings& requests) {
  const uint64_t prompt = requests.prompt_max * pipeline::kPromptTokenCost;
  const uint64_t sequences = requests.pool_tokens > 0 ? kSequencesOfPool : kSequencesMax;
  return 4 * sequences * (prompt + requests.tokens_max * pipeline::kAnswerTokenCost);
}

}  // namespace

World::World(const Scenario& scenario, RunOptions options)
    : scenario_(scenario),
      options_(std::move(options)),
      dice_(options_.seed),
      network_(scenario.network, scenario.nodes),
      checks_(scenario.nodes <= kWholeStatesMax),
      channel_(static_cast<size_t>(scenario.nodes) * scenario.nodes, 0),
      answer_checks_(checks_),
      fairness_(checks_, starvation_bound(scenario.requests)),
      connections_(channel_.size(), 0),
      tamper_(options_.bug),
      counted_messages_(scenario.nodes, 0),
      counted_bytes_(scenario.nodes, 0) {
  for (uint32_t i = 0; i < scenario.nodes; ++i) {
    auto node = std::make_unique<SimNode>();
    node->id = id_of(i, options_.seed);
    node->memory = static_cast<Bytes>(dice_.between(scenario.memory_mb_min, scenario.memory_mb_max)) * 1'000'000;
    node->rate = dice_.between(5e9, 5e11);
    node->fitness = {.mains = dice_.chance(0.7),
                     .wired = dice_.chance(0.5),
                     .steadiness = static_cast<uint32_t>(dice_.below(kSteadinessMax + 1))};
    const double off = scenario.profile_off;
    if (off > 0) node->claims = dice_.chance(0.5) ? off : 1 / off;
    nodes_.push_back(std::move(node));
  }
  make_warm_devices();
}

World::~World() = default;

void World::after(Duration wait, std::function<void()> what) {
  queue_.push({.at = now_ + wait, .number = events_++, .what = std::move(what)});
}

void World::later(uint32_t number, Duration wait, std::function<void()> what) {
  after(wait, [this, number, incarnation = nodes_[number]->incarnation, what = std::move(what)]() mutable {
    const SimNode& node = *nodes_[number];
    if (!node.alive || node.incarnation != incarnation) return;
    if (now_ >= node.stalled_until) return what();
    later(number, node.stalled_until - now_, std::move(what));
  });
}

void World::run_until(Time end) {
  while (!queue_.empty() && queue_.top().at <= end && checks_.failure().empty()) {
    auto what = std::move(const_cast<TimedEvent&>(queue_.top()).what);
    now_ = queue_.top().at;
    queue_.pop();
    what();
  }
  now_ = end;
}

void World::trace(const std::string& text) const {
  if (options_.trace) options_.trace(std::format("{:10.4f}  {}", in_seconds(now_), text));
}

NodeId World::node_id(uint32_t node) const { return nodes_[node]->id; }
bool World::is_alive(uint32_t node) const { return nodes_[node]->alive; }

uint32_t World::number_of(NodeId id) const {
  const auto bytes = id.bytes();
  return static_cast<uint32_t>(bytes[12] | bytes[13] << 8 | bytes[14] << 16 | bytes[15] << 24);
}

void World::measure(Outcome& outcome, double cpu_before) const {
  const double time_s = scenario_.measure_s;
  const auto leader = leading_node();
  uint32_t others = 0;
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    const Traffic traffic{.messages_per_s = static_cast<double>(counted_messages_[i]) / time_s,
                          .bytes_per_s = static_cast<double>(counted_bytes_[i]) / time_s};
    if (i == leader) {
      outcome.leader = traffic;
      continue;
    }
    ++others;
    outcome.others_mean.messages_per_s += traffic.messages_per_s;
    outcome.others_mean.bytes_per_s += traffic.bytes_per_s;
    if (traffic.bytes_per_s > outcome.others_most.bytes_per_s) outcome.others_most = traffic;
  }
  if (others > 0) {
    outcome.others_mean.messages_per_s /= others;
    outcome.others_mean.bytes_per_s /= others;
  }
  outcome.cpu_s = cpu_s() - cpu_before;
}

// Everything may be in motion at any moment: how long a link takes, or a faster plan.
void World::settle() {
  std::string why = unsettled();
  for (int i = 0; i < 40 && !why.empty() && checks_.failure().empty(); ++i) {
    run_until(now_ + std::chrono::milliseconds(100));
    why = unsettled();
  }
  if (checks_.failure().empty() && !why.empty()) {
    checks_.fail(std::format("not settled {} s after the last fault: {}", in_seconds(now_ - healed_at_), why));
  }
}

// Until all are answered.
void World::run_to_the_end() {
  // With many requests, as long as tokens arrive.
  while (answer_checks_.open() > 0 && checks_.failure().empty()) {
    const uint64_t before = answer_checks_.counts().tokens;
    run_until(now_ + kAnswerWait);
    if (answer_checks_.counts().tokens == before) break;
  }
  if (checks_.failure().empty()) answer_checks_.over();
  if (checks_.failure().empty()) check_waiting();
  // A better plan waits until no request is in progress.
  for (int i = 0; i < 40 && better_plan_pending() && checks_.failure().empty(); ++i) {
    run_until(now_ + std::chrono::milliseconds(100));
  }
  if (checks_.failure().empty() && better_plan_pending())
    checks_.fail("a better plan is put off though nobody is answered");
  outcome_.answers = answer_checks_.counts();
}

Outcome World::run() {
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    after(seconds(dice_.between(0, 0.3)), [this, i] { start(i); });
  }
  for (uint32_t i = 0; i < scenario_.models; ++i) {
    after(seconds(1), [this] { do_step({.what = "model", .node = 0}); });
  }
  for (const ScriptStep& step : scenario_.script) {
    after(seconds(step.at_s), [this, step] { do_step(step); });
  }
  schedule_faults();
  schedule_requests();
  watch();
  run_until(Time{} + seconds(scenario_.faults_s));
  if (checks_.failure().empty()) heal();
  run_until(now_ + seconds(scenario_.settle_s));
  settle();
  run_to_the_end();
  if (scenario_.measure_s > 0 && checks_.failure().empty()) {
    std::ranges::fill(counted_messages_, 0);
    std::ranges::fill(counted_bytes_, 0);
    const double before = cpu_s();
    run_until(now_ + seconds(scenario_.measure_s));
    measure(outcome_, before);
    if (scenario_.member_bytes_max > 0 && outcome_.others_most.bytes_per_s > scenario_.member_bytes_max) {
      checks_.fail(std::format("a node has a traffic of {:.0f} bytes/s", outcome_.others_most.bytes_per_s));
    }
  }
  if (const auto leader = leading_node()) {
    const auto& state = nodes_[*leader]->agent->state();
    outcome_.state_bytes = encode(LogSnapshot{.term = state.at.term, .state = state}).size();
  }
  outcome_.failure = checks_.failure();
  return outcome_;
}

}  // namespace exogpu::sim
