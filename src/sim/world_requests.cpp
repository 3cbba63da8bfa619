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
constexpr uint64_t kClients = 3;                            // that ask now and then

}  // namespace

void World::start_requests(uint32_t number) {
  SimNode& node = *nodes_[number];
  const auto send = [this, number](NodeId to, net::Outgoing frame) {
    return send_frame(number, number_of(to), std::move(frame));
  };
  node.server = std::make_unique<pipeline::RequestServer>(pipeline::RequestServerHost{
      .driver = [this, number](PlanEpoch epoch) { return nodes_[number]->workers->driver(epoch); },
      .send =
          [this, number, send](NodeId to, const Generated& message) {
            SimNode& self = *nodes_[number];
            fairness_.sent(self.id, to, message);
            if (to == self.id) {
              return self.clients_by_index.at(Clients::index_of(message.request))->on_generated(to, message);
            }
            (void)send(to, pipeline::control_frame(message));
          }});
  if (scenario_.requests.per_s > 0) later(number, kTick, [this, number] { tick_requests(number); });
}

Clients& World::clients_of(uint32_t number, const std::string& content) {
  SimNode& node = *nodes_[number];
  std::unique_ptr<Clients>& clients = node.clients[content];
  if (clients) return *clients;
  const auto send = [this, number](NodeId to, net::Outgoing frame) {
    return send_frame(number, number_of(to), std::move(frame));
  };
  clients = std::make_unique<Clients>(
      static_cast<uint32_t>(node.clients_by_index.size()), content, node.id, *node.server,
      ClientsHost{.send = send,
                  .trace = [this, number](const std::string& text) { trace(std::format("n{} {}", number, text)); },
                  .excuse = [this, number, content] { return excuse(number, content); },
                  .checks = &answer_checks_,
                  .fairness = &fairness_,
                  .recurrent = scenario_.recurrent,
                  .no_plan_wait = has(InjectedBug::given_up_early) ? Duration{} : kNoPlanWait,
                  .forgets_last = has(InjectedBug::token_forgotten),
                  .careless = has(InjectedBug::given_up_early),
                  .confuses_clients = has(InjectedBug::clients_confused)});
  node.clients_by_index.push_back(clients.get());
  return *clients;
}

void World::tick_requests(uint32_t number) {
  for (Clients* clients : nodes_[number]->clients_by_index) clients->resume();
  if (scenario_.library > 0) retry_waiting(number);
  report_busy(number);
  drive(number);
  later(number, kTick, [this, number] { tick_requests(number); });
}

void World::update_clients(uint32_t number) {
  SimNode& node = *nodes_[number];
  for (const auto& [content, model] : node.agent->state().models) clients_of(number, content);
  for (Clients* clients : node.clients_by_index) {
    clients->update(node.agent->state(), node.agent->role() != cluster::Role::electing, now_);
  }
  node.was_busy.merge(busy(number));
  report_busy(number);
}

void World::report_busy(uint32_t number) {
  if (!has(InjectedBug::busy_unreported)) nodes_[number]->agent->set_busy(busy(number), now_);
}

std::set<std::string> World::busy(uint32_t number) const {
  const SimNode& node = *nodes_[number];
  if (has(InjectedBug::busy_stuck) && !node.was_busy.empty()) return node.was_busy;
  std::set<std::string> models = node.workers->busy();
  for (const auto& [content, clients] : node.clients) {
    if (clients->open()) models.insert(content);
  }
  for (const WaitingRequest& each : node.waiting) models.insert(model(each.variant).content);
  return models;
}

std::string World::excuse(uint32_t number, const std::string& content) const {
  if (scenario_.library > 0) return library_excuse(number, content);
  return cluster::impossible_reason(cluster::model_view(nodes_[number]->agent->state(), content));
}

void World::schedule_requests() {
  const RequestSettings& settings = scenario_.requests;
  if (settings.per_s <= 0) return;
  const auto any_node = [this] { return static_cast<uint32_t>(dice_.below(nodes_.size())); };
  double at_s = 1;
  while ((at_s += dice_.exponential(1 / settings.per_s)) < scenario_.faults_s) {
    after(seconds(at_s), [this, any_node] {
      const uint32_t node = any_node();
      ask(node, any_client());
    });
  }
  for (at_s = 2; settings.burst > 0 && at_s < scenario_.faults_s; at_s += dice_.between(2, 4)) {
    after(seconds(at_s), [this, any_node] {
      const uint32_t node = any_node();
      for (uint32_t i = 0; i < scenario_.requests.burst; ++i) ask(node, ClientId(1));
    });
  }
  // And some when all is well again.
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    after(seconds(scenario_.faults_s + scenario_.settle_s * dice_.between(0.1, 0.5)),
          [this, i] { ask(i, any_client()); });
  }
}

// The first client is the one that asks in bursts.
ClientId World::any_client() { return ClientId(2 + dice_.below(kClients)); }

void World::ask(uint32_t number, ClientId client) {
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
  if (scenario_.library > 0) {
    const auto variant = static_cast<uint32_t>(1 + dice_.below(scenario_.library));
    ask_for(
        number, variant,
        {.number = ++requests_, .client = client, .seed = dice_.bits(), .prompt = std::move(prompt), .tokens = tokens});
    report_busy(number);
    return drive(number);
  }
  std::vector<Clients*> models;
  for (Clients* clients : node.clients_by_index) {
    if (clients->takes_requests()) models.push_back(clients);
  }
  if (models.empty()) return;
  Clients& model = *models[dice_.below(models.size())];
  (void)model.ask(
      {.number = ++requests_, .client = client, .seed = dice_.bits(), .prompt = std::move(prompt), .tokens = tokens},
      node.current(number), scenario_.layers);
  drive(number);
}

}  // namespace exogpu::sim
