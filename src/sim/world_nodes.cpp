// The nodes of a world, from start to crash.
#include <algorithm>
#include <format>

#include "sim/fake_backend.h"
#include "sim/world_node.h"

namespace exogpu::sim {

using namespace cluster;
using namespace wire;

namespace {

// Faults last for seconds here, and for minutes elsewhere.
constexpr ConditionLimits kConditionLimits{.critical_after = std::chrono::milliseconds(300),
                                           .better_after = std::chrono::seconds(1),
                                           .amounts_every = std::chrono::seconds(30)};

}  // namespace

NodeFacts World::facts_of(uint32_t number) const {
  const SimNode& node = *nodes_[number];
  NodeFacts facts;
  facts.info.self = {.node = node.id,
                     .name = std::format("n{}", number),
                     .addresses = {std::format("10.0.{}.{}", number / 250, number % 250 + 1)},
                     .link_port = 7766,
                     .api_url = {}};
  DeviceProfile device;
  device.id = {.node = node.id, .device = "gpu0"};
  device.node_name = facts.info.self.name;
  device.name = "Simulated GPU";
  device.kind = DeviceKind::discrete;
  device.uses_host_memory = true;  // the only one of its node
  device.memory_free = node.memory;
  const double rate = node.rate * node.claims;  // when it is cool
  device.memory_bytes_per_s = rate;
  device.rates = {
      {.type = "q4_K", .bits_per_weight = 4.5, .matvec_bytes_per_s = rate, .matmul_flops_per_s = rate * 20}};
  device.step_s = 1e-5;
  device.upload_bytes_per_s = device.download_bytes_per_s = 1e10;
  facts.info.devices = {device};
  facts.version = "0.1.0";
  facts.incarnation = node.incarnation;
  facts.fitness = node.fitness;
  return facts;
}

ServedModel World::model(uint32_t variant) const {
  ServedModel model;
  model.model = std::format("model-{}", variant);
  model.content = std::format("{:064x}", variant);
  model.shape.name = model.model;
  model.shape.bits_per_weight = 4.5;
  model.shape.activation_width = 1024;
  model.shape.vocabulary = kVocabulary;
  const auto bytes = static_cast<Bytes>(scenario_.layer_mb * 1e6);
  model.shape.layers.assign(
      scenario_.layers,
      {.weight_bytes = bytes, .active_weight_bytes = bytes, .kv_bytes_per_token = 1000, .flops_per_token = 2e8});
  model.settings.sequences = 1 + variant % 2;
  if (const uint32_t pool = scenario_.requests.pool_tokens; pool > 0) {
    model.settings.sequences = kSequencesOfPool;
    model.settings.context = model.settings.pool_tokens = pool;
    model.context_most = scenario_.requests.context_most;
  }
  model.pinned = scenario_.library == 0 || variant == 1;
  model.keep_loaded_s = scenario_.library == 0 ? 0 : 6;
  return model;
}

void World::start(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (node.alive) return;
  node.alive = true;
  ++node.incarnation;
  node.started = now_;
  node.stalled_until = {};
  node.role = Role::electing;
  trace(std::format("n{} starts", number));
  const uint64_t counter = has(InjectedBug::counter_lost) ? 0 : node.counter_saved;
  node.agent = std::make_unique<Agent>(facts_of(number), AgentOptions{.counter = counter}, now_);
  std::fill_n(channel_.begin() + static_cast<ptrdiff_t>(number * nodes_.size()), nodes_.size(), uint8_t{0});
  if (node.warm) node.warm->start();
  start_requests(number);
  start_worker(number);
  node.watch = ConditionFilter(kConditionLimits);
  for (uint32_t other = 0; other < nodes_.size(); ++other) {
    if (other != number) look_at_channel(number, other, dice_.between(0.02, 0.4));
  }
  watch_condition(number);
  drive(number);
}

void World::crash(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (!node.alive) return;
  const bool led = node.agent->role() == Role::leading;
  trace(std::format("n{} crashes{}", number, led ? ", which led" : ""));
  if (led && !leader_crashed_) {
    leader_crashed_ = now_;
    leader_missed_ = now_;
    term_crashed_ = node.agent->term();
  }
  if (!service_lost_ && outcome_.first_service_s) service_lost_ = now_;
  answer_checks_.died(node.current(number));
  for (uint32_t other = 0; other < nodes_.size(); ++other) ++connection(number, other);
  node.end_process();
  // The process dies, and its system closes the connections; or the power goes, and no connection is closed.
  const bool power = dice_.chance(0.3);
  for (uint32_t other = 0; other < nodes_.size(); ++other) {
    if (other != number) look_at_channel(number, other, power ? dice_.between(0.9, 1.2) : 0.002);
  }
}

void World::stall(uint32_t number, double for_s) {
  SimNode& node = *nodes_[number];
  if (!node.alive) return;
  trace(std::format("n{} stalls for {:.2f} s", number, for_s));
  node.stalled_until = std::max(node.stalled_until, now_ + seconds(for_s));
  after(node.stalled_until - now_, [this, number] { wake(number); });
}

void World::recover(uint32_t node) {
  if (!nodes_[node]->alive || nodes_[node]->stalled_until <= now_) return;
  nodes_[node]->stalled_until = now_;
  wake(node);
}

void World::command(uint32_t number, const Event& event) {
  SimNode& node = *nodes_[number];
  if (!node.alive) return;
  node.agent->command(event, now_);
  drive(number);
}

std::optional<uint32_t> World::leading_node() const {
  std::optional<uint32_t> found;
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i]->alive || nodes_[i]->agent->role() != Role::leading) continue;
    if (!found || nodes_[*found]->agent->term() < nodes_[i]->agent->term()) found = i;
  }
  return found;
}

}  // namespace exogpu::sim
