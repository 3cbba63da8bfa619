#include "sim/world.h"

#include <algorithm>
#include <chrono>
#include <format>

#include "cluster/fold.h"
#include "cluster/plan_for.h"
#include "sim/world_node.h"

namespace exogpu::sim {

using namespace cluster;
using namespace wire;

namespace {

NodeId id_of(uint32_t number, uint64_t seed) {
  std::array<uint8_t, kKeyHashBytes> bytes{};
  const uint64_t noise = random_bits(seed ^ 0x6e6f6465, number);  // ids are hashes: their order says nothing
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(noise >> (8 * i));
  for (size_t i = 0; i < 4; ++i) bytes[12 + i] = static_cast<uint8_t>(number >> (8 * i));
  return NodeId(bytes);
}

ByteVector encoded(const Message& message) {
  return std::visit([](const auto& each) { return encode(each); }, message);
}

Result<Message> decoded(const Message& like, std::span<const std::byte> bytes) {
  return std::visit(
      [&]<typename M>(const M&) -> Result<Message> {
        EXO_TRY(M message, decode<M>(bytes));
        return message;
      },
      like);
}

double cpu_s() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

constexpr uint32_t kWholeStatesMax = 64;
constexpr Duration kAnswerWait = std::chrono::seconds(3);

// Faults last for seconds here, and for minutes elsewhere.
constexpr ConditionLimits kConditionLimits{.critical_after = std::chrono::milliseconds(300),
                                           .better_after = std::chrono::seconds(1),
                                           .amounts_every = std::chrono::seconds(30)};
constexpr Duration kConditionEvery = std::chrono::seconds(2);
constexpr double kLimitC = 100;
constexpr double kCriticalRate = 0.25;  // what is left of a rate when the device is critically hot

}  // namespace

World::World(const Scenario& scenario, RunOptions options)
    : scenario_(scenario),
      options_(std::move(options)),
      dice_(options_.seed),
      network_(scenario.network, scenario.nodes),
      checks_(scenario.nodes <= kWholeStatesMax),
      channel_(static_cast<size_t>(scenario.nodes) * scenario.nodes, 0),
      answer_checks_(checks_),
      connections_(channel_.size(), 0),
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
    nodes_.push_back(std::move(node));
  }
}

World::~World() = default;

void World::after(Duration wait, std::function<void()> what) {
  queue_.push({.at = now_ + wait, .number = happenings_++, .what = std::move(what)});
}

void World::run_until(Time end) {
  while (!queue_.empty() && queue_.top().at <= end && checks_.failure().empty()) {
    auto what = std::move(const_cast<Happening&>(queue_.top()).what);
    now_ = queue_.top().at;
    queue_.pop();
    what();
  }
  now_ = end;
}

void World::trace(const std::string& text) const {
  if (options_.trace) options_.trace(std::format("{:10.4f}  {}", in_seconds(now_), text));
}

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
  device.uses_host_memory = false;
  device.memory_free = node.memory;
  const double rate = node.rate;  // when it is cool
  device.memory_bytes_per_s = rate;
  device.rates = {
      {.type = "q4_K", .bits_per_weight = 4.5, .matvec_bytes_per_s = rate, .matmul_flops_per_s = rate * 20}};
  device.step_s = 1e-5;
  device.upload_bytes_per_s = device.download_bytes_per_s = 1e10;
  facts.info.devices = {device};
  facts.version = "0.1.0";
  facts.incarnation = node.lives;
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
  return model;
}

NodeId World::node_id(uint32_t node) const { return nodes_[node]->id; }
bool World::is_alive(uint32_t node) const { return nodes_[node]->alive; }

void World::recover(uint32_t node) {
  if (!nodes_[node]->alive || nodes_[node]->stalled_until <= now_) return;
  nodes_[node]->stalled_until = now_;
  wake(node);
}

void World::set_heat(uint32_t number, double rate_left) {
  SimNode& node = *nodes_[number];
  if (node.heat == rate_left) return;
  node.heat = rate_left;
  trace(std::format("n{} computes at {:.0f} % of its rate", number, 100 * rate_left));
  tell_condition(number);
}

void World::set_battery(uint32_t number, double charge, bool feeds) {
  SimNode& node = *nodes_[number];
  if (node.charge == charge && node.on_battery == feeds) return;
  node.charge = charge;
  node.on_battery = feeds;
  trace(std::format("n{} has {:.0f} % of its battery{}", number, 100 * charge, feeds ? "" : ", and is charged"));
  tell_condition(number);
}

// What its sensors would say; they are never still.
void World::tell_condition(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (!node.alive) return;
  const bool hot = node.heat < 1, critical = node.heat < kCriticalRate;
  const double warm_c = critical ? kLimitC : hot ? kLimitC - 8 : 55;
  NodeCondition condition = node.watch.update({.load = dice_.between(0, 0.1),
                                               .charge = node.charge,
                                               .on_battery = node.on_battery,
                                               .devices = {{.device = "gpu0",
                                                            .load = hot ? 1 : dice_.between(0, 0.1),
                                                            .temperature_c = warm_c + dice_.between(-1, 1),
                                                            .limit_c = kLimitC,
                                                            .throttled = hot,
                                                            .speed = node.heat}}},
                                              now_);
  condition.shards = shards_of(node.worker->holding());
  if (options_.mistake != Mistake::condition_unheard) node.agent->set_condition(std::move(condition), now_);
  drive(number);
}

void World::watch_condition(uint32_t number) {
  tell_condition(number);
  const NodeCondition& told = nodes_[number]->watch.told();
  const bool well = nodes_[number]->heat == 1 && !nodes_[number]->on_battery && !(told.battery && told.battery->low) &&
                    (told.devices.empty() || told.devices[0].heat == Heat::normal);
  after(well ? kConditionEvery : kConditionEvery / 4, [this, number, life = nodes_[number]->lives] {
    if (nodes_[number]->alive && nodes_[number]->lives == life) watch_condition(number);
  });
}

void World::start(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (node.alive) return;
  node.alive = true;
  ++node.lives;
  node.started = now_;
  node.stalled_until = {};
  node.role = Role::seeking;
  trace(std::format("n{} starts", number));
  const uint64_t counter = options_.mistake == Mistake::counter_lost ? 0 : node.counter_kept;
  node.agent = std::make_unique<Agent>(facts_of(number), AgentOptions{.counter = counter}, now_);
  std::fill_n(channel_.begin() + static_cast<ptrdiff_t>(number * nodes_.size()), nodes_.size(), uint8_t{0});
  const uint64_t life = node.lives;
  node.worker = std::make_unique<Worker>(
      node.life(number), node.id, node.memory,
      WorkerSurroundings{
          .later =
              [this, number, life](Duration wait, std::function<void(Time)> what) {
                after(wait, [this, number, life, what = std::move(what)] {
                  if (nodes_[number]->alive && nodes_[number]->lives == life) what(now_);
                });
              },
          .trace = [this, number](const std::string& text) { trace(std::format("n{} {}", number, text)); },
          .reaches = [this, number](NodeId peer) { return channel_[number * nodes_.size() + number_of(peer)] != 0; },
          .checks = &checks_,
          .dice = &dice_,
          .failures = scenario_.faults.work / 10,
          .never_frees = options_.mistake == Mistake::memory_kept,
          .goes_back = options_.mistake == Mistake::epoch_reversed});
  node.worker->report = [this, number](PlanEpoch epoch, std::map<uint32_t, StageStatus> stages) {
    nodes_[number]->agent->set_stages(epoch, std::move(stages), now_);
    NodeCondition condition = nodes_[number]->watch.told();
    condition.shards = shards_of(nodes_[number]->worker->holding());
    if (options_.mistake != Mistake::condition_unheard)
      nodes_[number]->agent->set_condition(std::move(condition), now_);
  };
  node.worker->refuse = [this, number](PlanEpoch epoch, const std::string& text) {
    nodes_[number]->agent->plan_broken(epoch, text, {}, now_);
  };
  node.worker->look_again = [this, number] { drive(number); };
  node.worker->lost = [this, number](PlanEpoch epoch, NodeId peer) { lost_of_ring(number, epoch, peer); };
  start_requests(number);
  node.watch = ConditionWatch(kConditionLimits);
  for (uint32_t other = 0; other < nodes_.size(); ++other) {
    if (other != number) look_at_channel(number, other, dice_.between(0.02, 0.4));
  }
  watch_condition(number);
  drive(number);
}

void World::crash(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (!node.alive) return;
  trace(std::format("n{} crashes{}", number, node.agent->role() == Role::leading ? ", which led" : ""));
  if (node.agent->role() == Role::leading && !master_crashed_) {
    master_crashed_ = now_;
    master_missed_ = now_;
    term_crashed_ = node.agent->term();
  }
  if (!service_lost_ && outcome_.first_service_s) service_lost_ = now_;
  answer_checks_.died(node.life(number));
  for (uint32_t other = 0; other < nodes_.size(); ++other) ++connection(number, other);
  node.alive = false;
  node.agent.reset();
  node.worker.reset();
  node.ring.reset();
  node.clients.reset();
  node.wake_at = Time::max();
  // The process dies, and its system closes the connections; or the power goes, and nothing is said.
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

// After a while it is noticed whether a channel can be.
void World::look_at_channel(uint32_t a, uint32_t b, double wait_s) {
  after(seconds(wait_s), [this, a, b] { tell_channel(std::min(a, b), std::max(a, b)); });
}

void World::look_at_channels() {
  for (uint32_t a = 0; a < nodes_.size(); ++a) {
    for (uint32_t b = a + 1; b < nodes_.size(); ++b) {
      const bool open = network_.open(a, b) && network_.open(b, a);
      const bool told = channel_[a * nodes_.size() + b] != 0, back = channel_[b * nodes_.size() + a] != 0;
      if (open == told && open == back) continue;
      look_at_channel(a, b, open ? dice_.between(0.1, 0.8) : dice_.between(0.75, 1.1));
    }
  }
}

// Each end is told on its own: one that has crashed and started anew has no channel, whatever the other thought.
void World::tell_channel(uint32_t a, uint32_t b) {
  const bool open = network_.open(a, b) && network_.open(b, a);
  const bool both = nodes_[a]->alive && nodes_[b]->alive;
  const bool up = both && (open || (!scenario_.network.channels && channel_[a * nodes_.size() + b] != 0));
  for (const auto& [one, other] : {std::pair(a, b), std::pair(b, a)}) {
    uint8_t& told = channel_[one * nodes_.size() + other];
    SimNode& node = *nodes_[one];
    if (!node.alive) {
      if (told != 0) ++connection(a, b);
      told = 0;
      continue;
    }
    // Of another life of the other end: lost first.
    if (told != 0 && (!up || told != nodes_[other]->lives % 255 + 1)) {
      told = 0;
      ++connection(a, b);
      node.agent->link_down(nodes_[other]->id, now_);
      node.ring->peer_lost(nodes_[other]->id);
      node.clients->peer_lost(nodes_[other]->id);
      drive(one);
    }
    if (up && told == 0 && node.alive) {
      told = static_cast<uint8_t>(nodes_[other]->lives % 255 + 1);
      node.agent->link_up(nodes_[other]->id, now_);
      drive(one);
    }
  }
}

uint32_t World::number_of(NodeId id) const {
  const auto bytes = id.bytes();
  return static_cast<uint32_t>(bytes[12] | bytes[13] << 8 | bytes[14] << 16 | bytes[15] << 24);
}

void World::drive(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (!node.alive || now_ < node.stalled_until) return;
  for (int round = 0; round < 2; ++round) {
    Output out = node.agent->take();
    if (out.keep_counter) {
      node.counter_kept = *out.keep_counter;
      ++outcome_.elections;
    }
    std::shared_ptr<const Message> last;
    size_t bytes = 0;
    std::shared_ptr<const Message> read;
    for (const Send& send : out.sends) {
      if (send.message != last) {  // the same message to several is encoded once
        last = send.message;
        const ByteVector written = encoded(*last);
        bytes = written.size();
        read = last;
        if (scenario_.codec) {
          auto message = decoded(*last, written);
          if (!message) checks_.fail("a message of its own is refused: " + message.error().message);
          if (message) read = std::make_shared<const Message>(*std::move(message));
        }
      }
      const uint32_t to = number_of(send.to);
      ++outcome_.messages;
      outcome_.message_bytes += bytes;
      count(number, to, bytes);
      for (const Duration wait : network_.carry(number, to, dice_)) {
        after(wait, [this, number, to, read] { deliver(number, to, read); });
      }
    }
    checks_.saw(node.life(number), *node.agent);
    if (node.agent->role() != node.role || node.agent->term() != node.term) {
      node.role = node.agent->role();
      node.term = node.agent->term();
      if (options_.trace) {
        const char* what = node.role == Role::leading ? "leads" : node.role == Role::following ? "obeys" : "seeks";
        trace(std::format("n{} {}, term {} (n{})", number, what, node.term.counter, number_of(node.term.master)));
      }
    }
    if (out.state_changed) {
      checks_.saw_state(node.life(number), node.agent->state());
      if (options_.trace) {
        const auto& state = node.agent->state();
        const auto alive = std::ranges::count_if(state.nodes, [](const auto& each) { return each.second.alive; });
        trace(std::format("n{} is at {}.{}: {} nodes, {} {}", number, state.at.term.counter, state.at.index, alive,
                          state.plan ? std::format("plan {:x}", state.plan->made.plan.epoch.value()) : "no plan",
                          serving(state) ? "serving" : state.why_not));
      }
    }
    node.worker->set_busy(node.ring->busy(now_));
    node.worker->look(node.agent->state(), node.agent->role() != Role::seeking, now_);
    look_at_requests(number);
  }
  const Time wake_at = std::max(node.agent->wake(), now_);
  if (wake_at < node.wake_at) {
    node.wake_at = wake_at;
    after(wake_at - now_, [this, number, wake_at, life = node.lives] {
      SimNode& woken = *nodes_[number];
      if (!woken.alive || woken.lives != life || woken.wake_at != wake_at) return;
      wake(number);
    });
  }
}

void World::wake(uint32_t number) {
  SimNode& node = *nodes_[number];
  node.wake_at = Time::max();
  if (!node.alive || now_ < node.stalled_until) return;
  if (now_ >= node.agent->wake()) {
    const double before = cpu_s();
    node.agent->tick(now_);
    agents_cpu_s_ += cpu_s() - before;
  }
  drive(number);
}

void World::deliver(uint32_t from, uint32_t to, const std::shared_ptr<const Message>& message) {
  SimNode& node = *nodes_[to];
  if (!node.alive || channel_[to * nodes_.size() + from] == 0) return;
  if (now_ < node.stalled_until) {  // it lies in the system's buffers meanwhile
    after(node.stalled_until - now_, [this, from, to, message] { deliver(from, to, message); });
    return;
  }
  if (options_.mistake != Mistake::none) {
    Message copy = *message;
    if (!tampered(to, copy)) node.agent->receive(nodes_[from]->id, copy, now_);
  } else {
    node.agent->receive(nodes_[from]->id, *message, now_);
  }
  drive(to);
}

// Whether the message is lost.
bool World::tampered(uint32_t to, Message& message) {
  SimNode& node = *nodes_[to];
  if (options_.mistake == Mistake::node_unheard) {
    return healed_ && to == 0 && !std::holds_alternative<LinkPing>(message);
  }
  if (options_.mistake == Mistake::event_changed && !tampered_) {
    auto* entries = std::get_if<LogEntries>(&message);
    if (entries && entries->before == node.agent->state().at && in_seconds(now_) > 2) {
      for (Entry& entry : entries->entries) {
        if (!std::holds_alternative<NodeTold>(entry.event)) continue;
        entry.event = TermBegan{};
        tampered_ = true;
        break;
      }
    }
  }
  if (options_.mistake == Mistake::term_forgotten && !tampered_ && in_seconds(now_) > 2 &&
      node.agent->role() == Role::following && node.agent->term().counter > 1) {
    const auto* beat = std::get_if<Heartbeat>(&message);
    if (beat) {
      // The new one learns of the term that is now, so a yet older heartbeat is made up.
      tampered_ = true;
      Agent fresh(facts_of(to), {}, now_);
      *node.agent = std::move(fresh);
      for (uint32_t other = 0; other < nodes_.size(); ++other) {
        if (channel_[to * nodes_.size() + other] != 0) node.agent->link_up(nodes_[other]->id, now_);
      }
      Heartbeat old = *beat;
      --old.term.counter;
      old.number = 1;
      old.acked = 0;
      message = old;
    }
  }
  return false;
}

void World::command(uint32_t number, const Event& event) {
  SimNode& node = *nodes_[number];
  if (!node.alive) return;
  node.agent->command(event, now_);
  drive(number);
}

std::optional<uint32_t> World::master() const {
  std::optional<uint32_t> found;
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i]->alive || nodes_[i]->agent->role() != Role::leading) continue;
    if (!found || nodes_[*found]->agent->term() < nodes_[i]->agent->term()) found = i;
  }
  return found;
}

void World::count(uint32_t from, uint32_t to, size_t bytes) {
  for (const uint32_t node : {from, to}) {
    ++counted_messages_[node];
    counted_bytes_[node] += bytes + kCarriedBytes;
  }
}

std::string World::unsettled() const {
  const auto leader = master();
  if (!leader) return "nobody leads";
  const Agent& lead = *nodes_[*leader]->agent;
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    const SimNode& node = *nodes_[i];
    if (!node.alive) continue;
    if (node.agent->role() == Role::seeking) return std::format("n{} has no master: {}", i, node.agent->why_alone());
    if (node.agent->term() != lead.term()) return std::format("n{} obeys term {}", i, to_text(node.agent->term()));
    if (i != *leader && node.agent->role() == Role::leading) return std::format("n{} leads, too", i);
    if (node.agent->state() != lead.state()) {
      return std::format("n{} is at {}, and the master at {}", i, to_text(node.agent->state().at),
                         to_text(lead.state().at));
    }
    const auto known = lead.state().nodes.find(node.id);
    if (known == lead.state().nodes.end() || !known->second.alive) return std::format("n{} counts as lost", i);
    if (known->second.facts.incarnation != node.lives) return std::format("an earlier life of n{} is known", i);
    const NodeCondition& condition = known->second.condition;
    if (node.on_battery && node.charge < 0.2 && !(condition.battery && condition.battery->low)) {
      return std::format("the battery of n{} is low, and that is not known", i);
    }
    if (condition.shards != shards_of(node.worker->holding())) return std::format("what n{} holds is not known", i);
  }
  for (const auto& [id, known] : lead.state().nodes) {
    if (known.alive && !nodes_[number_of(id)]->alive) return std::format("n{} counts as alive", number_of(id));
  }
  const ReplicatedState& state = lead.state();
  if (const std::string why = better_without(state); !why.empty()) return "a plan uses " + why;
  if (state.plan && !serving(state)) return "the plan is not served";
  if (!state.plan && (state.why_not.empty() || scenario_.wants_service)) return "there is no plan: " + state.why_not;
  if (scenario_.wants_service) {
    const auto first = number_of(state.plan->made.plan.stages.front().device.node);
    if (!nodes_[first]->worker->serves()) return std::format("n{} does not serve", first);
  }
  return {};
}

bool World::plan_put_off() const {
  const auto leader = master();
  if (!leader) return true;
  const ReplicatedState& state = nodes_[*leader]->agent->state();
  // Another word for why there is none is no better plan.
  const auto event = cluster::plan_for(state, {.term = state.at.term, .in_use = state.epoch_last});
  return event && std::holds_alternative<wire::PlanMade>(*event);
}

bool World::all_have_masters() const {
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    const SimNode& node = *nodes_[i];
    if (!node.alive || now_ < node.stalled_until || node.started > *master_missed_) continue;
    bool whole = true;  // what it needs to find a master
    for (uint32_t j = 0; j < nodes_.size(); ++j) {
      whole = whole && (!network_.same_side(i, j) || (network_.open(i, j) && network_.open(j, i)));
    }
    if (!whole) continue;
    if (node.agent->role() == Role::seeking) return false;
    const SimNode& master = *nodes_[number_of(node.agent->term().master)];
    if (!master.alive || master.agent->role() != Role::leading || master.agent->term() != node.agent->term())
      return false;
  }
  return true;
}

void World::watch() {
  after(std::chrono::milliseconds(10), [this] { watch(); });
  const bool small = nodes_.size() <= kWholeStatesMax;
  if (!outcome_.first_master_s || master_crashed_) {
    const auto leader = master();
    const bool agreed =
        leader && std::ranges::all_of(nodes_, [&](const auto& node) {
          return !node->alive || now_ < node->stalled_until ||
                 (node->agent->role() != Role::seeking && node->agent->term() == nodes_[*leader]->agent->term());
        });
    if (agreed && !outcome_.first_master_s) outcome_.first_master_s = in_seconds(now_);
    if (agreed && master_crashed_ && nodes_[*leader]->agent->term() > term_crashed_) {
      outcome_.elections_s.push_back(in_seconds(now_ - *master_crashed_));
      master_crashed_.reset();
      const double limit = scenario_.election_max_s;
      if (limit > 0 && outcome_.elections_s.back() > limit) {
        checks_.fail(std::format("a new master was obeyed by all only after {:.2f} s", outcome_.elections_s.back()));
      }
    }
  }
  if (master_missed_ && all_have_masters()) {
    outcome_.masters_s.push_back(in_seconds(now_ - *master_missed_));
    if (outcome_.masters_s.back() > 2.0) trace(std::format("masters only after {:.2f} s", outcome_.masters_s.back()));
    master_missed_.reset();
  }
  if (!outcome_.first_service_s || service_lost_) {
    const auto leader = master();
    const bool served =
        leader && serving(nodes_[*leader]->agent->state()) &&
        nodes_[number_of(nodes_[*leader]->agent->state().plan->made.plan.stages.front().device.node)]->alive;
    bool all_alive = served;
    if (served) {
      for (const auto& stage : nodes_[*leader]->agent->state().plan->made.plan.stages) {
        all_alive = all_alive && nodes_[number_of(stage.device.node)]->alive;
      }
    }
    if (all_alive && !outcome_.first_service_s) outcome_.first_service_s = in_seconds(now_);
    if (all_alive && service_lost_) {
      outcome_.services_s.push_back(in_seconds(now_ - *service_lost_));
      service_lost_.reset();
    }
  }
  // With many nodes looking takes long.
  if (healed_ && (small || ++watched_ % 20 == 0)) {
    const std::string why = unsettled();
    if (why.empty() && !outcome_.settled_s) outcome_.settled_s = in_seconds(now_ - healed_at_);
  }
}

void World::measure(Outcome& outcome, double cpu_before) const {
  const double time_s = scenario_.measure_s;
  const auto leader = master();
  uint32_t others = 0;
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    const Traffic traffic{.messages_per_s = static_cast<double>(counted_messages_[i]) / time_s,
                          .bytes_per_s = static_cast<double>(counted_bytes_[i]) / time_s};
    if (i == leader) {
      outcome.master = traffic;
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

Outcome World::run() {
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    after(seconds(dice_.between(0, 0.3)), [this, i] { start(i); });
  }
  after(seconds(1), [this] { do_step({.what = "model", .node = 0}); });
  for (const ScriptStep& step : scenario_.script) {
    after(seconds(step.at_s), [this, step] { do_step(step); });
  }
  throw_faults();
  throw_requests();
  watch();
  run_until(Time{} + seconds(scenario_.faults_s));
  if (checks_.failure().empty()) heal();
  run_until(now_ + seconds(scenario_.settle_s));
  // Something may be on its way at any moment: how long a link takes, or a faster plan.
  std::string why = unsettled();
  for (int i = 0; i < 40 && !why.empty() && checks_.failure().empty(); ++i) {
    run_until(now_ + std::chrono::milliseconds(100));
    why = unsettled();
  }
  if (checks_.failure().empty() && !why.empty()) {
    checks_.fail(std::format("not settled {} s after the last fault: {}", in_seconds(now_ - healed_at_), why));
  }
  // Where many wait, as long as they get on.
  while (answer_checks_.open() > 0 && checks_.failure().empty()) {
    const uint64_t before = answer_checks_.counts().tokens;
    run_until(now_ + kAnswerWait);
    if (answer_checks_.counts().tokens == before) break;
  }
  if (checks_.failure().empty()) answer_checks_.over();
  // What waited until nobody is answered.
  for (int i = 0; i < 40 && plan_put_off() && checks_.failure().empty(); ++i) {
    run_until(now_ + std::chrono::milliseconds(100));
  }
  if (checks_.failure().empty() && plan_put_off()) checks_.fail("a better plan is put off though nobody is answered");
  outcome_.answers = answer_checks_.counts();
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
  if (const auto leader = master()) {
    const auto& state = nodes_[*leader]->agent->state();
    outcome_.state_bytes = encode(LogSnapshot{.term = state.at.term, .state = state}).size();
  }
  outcome_.failure = checks_.failure();
  return outcome_;
}

}  // namespace exogpu::sim
