// The clients of a world, and what the nodes do for them.
#include <algorithm>
#include <format>
#include <utility>

#include "cluster/plan_for.h"
#include "pipeline/control_frame.h"
#include "sim/world_node.h"

namespace exogpu::sim {

using namespace wire;

namespace {

constexpr Duration kTick = std::chrono::milliseconds(500);  // of a node

}  // namespace

void World::start_requests(uint32_t number) {
  SimNode& node = *nodes_[number];
  const auto send = [this, number](NodeId to, net::Outgoing frame) {
    return send_frame(number, number_of(to), std::move(frame));
  };
  node.server = std::make_unique<pipeline::RequestServer>(pipeline::RequestServerHost{
      .driver = [this, number](PlanEpoch epoch) -> pipeline::Driver* {
        const worker::Worker* worker = nodes_[number]->worker.get();
        return worker->plan() && worker->plan()->epoch == epoch ? nodes_[number]->worker->driver() : nullptr;
      },
      .send =
          [this, number, send](NodeId to, const Generated& message) {
            SimNode& self = *nodes_[number];
            if (to == self.id) return self.clients->on_generated(to, message);
            (void)send(to, pipeline::control_frame(message));
          }});
  node.clients = std::make_unique<Clients>(
      node.id, *node.server,
      ClientsHost{.send = send,
                  .trace = [this, number](const std::string& text) { trace(std::format("n{} {}", number, text)); },
                  .excuse = [this, number](const std::string& model) { return excuse(number, model); },
                  .checks = &answer_checks_,
                  .no_plan_wait = has(InjectedBug::given_up_early) ? Duration{} : kNoPlanWait,
                  .forgets_last = has(InjectedBug::token_forgotten),
                  .careless = has(InjectedBug::given_up_early)});
  if (scenario_.requests.per_s > 0) later(number, kTick, [this, number] { tick_requests(number); });
}

void World::tick_requests(uint32_t number) {
  nodes_[number]->clients->resume();
  nodes_[number]->agent->set_busy(busy(number));
  drive(number);
  later(number, kTick, [this, number] { tick_requests(number); });
}

void World::update_clients(uint32_t number) {
  SimNode& node = *nodes_[number];
  node.clients->update(node.agent->state(), node.agent->role() != cluster::Role::electing, now_);
  const bool is_busy = busy(number);
  node.was_busy = node.was_busy || is_busy;
  node.agent->set_busy(has(InjectedBug::busy_stuck) ? node.was_busy : is_busy);
}

bool World::busy(uint32_t number) const {
  const SimNode& node = *nodes_[number];
  if (has(InjectedBug::busy_stuck) && node.was_busy) return true;
  return node.worker->busy() || node.clients->open();
}

std::string World::excuse(uint32_t number, const std::string& model) const {
  const ReplicatedState& state = nodes_[number]->agent->state();
  if (!state.model || state.model->content != model) return "another model is served";
  return cluster::impossible_reason(state);
}

void World::schedule_requests() {
  const double per_s = scenario_.requests.per_s;
  if (per_s <= 0) return;
  double at_s = 1;
  while ((at_s += dice_.exponential(1 / per_s)) < scenario_.faults_s) {
    after(seconds(at_s), [this] { ask(static_cast<uint32_t>(dice_.below(nodes_.size()))); });
  }
  // And some when all is well again.
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    after(seconds(scenario_.faults_s + scenario_.settle_s * dice_.between(0.1, 0.5)), [this, i] { ask(i); });
  }
}

void World::ask(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (!node.alive || now_ < node.stalled_until) return;
  const auto length = static_cast<uint32_t>(1 + dice_.below(scenario_.requests.prompt_max));
  // As often as not it begins as others do.
  const uint64_t begins = dice_.chance(0.5) ? 1 : dice_.bits();
  std::vector<TokenId> prompt;
  for (uint32_t i = 0; i < length; ++i) {
    const uint64_t bits = i < length * 3 / 4 ? random_bits(begins, i) : dice_.bits();
    prompt.push_back(static_cast<TokenId>(bits % kVocabulary));
  }
  const auto tokens = static_cast<uint32_t>(1 + dice_.below(scenario_.requests.tokens_max));
  (void)node.clients->ask(++requests_, node.current(number), scenario_.layers, dice_.bits(), std::move(prompt), tokens);
  drive(number);
}

}  // namespace exogpu::sim
