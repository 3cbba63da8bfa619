#include "node/node_impl.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <format>
#include <random>

#include "base/utf8.h"

namespace exogpu::node {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kTick{500};

// While answers wait for the next ring.
constexpr milliseconds kTickWaiting{50};
constexpr std::chrono::seconds kFactsEvery{5};

}  // namespace

Node::Impl::Impl(NodeOptions options, Parts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      keeps_running_(io_.get_executor()),
      timer_(io_),
      cluster_timer_(io_),
      rates_([this](wire::NodeId to, net::Outgoing frame) { return peers_->send(to, std::move(frame)).has_value(); }) {
  const wire::NodeId self = parts_.identity.node();
  for (const gpu::Device& device : parts_.machine.devices()) {
    if (std::ranges::contains(parts_.devices, device.info().id, [](const auto& each) { return each.id.device; })) {
      sensed_.push_back(device.info());
    }
  }
  std::random_device entropy;
  incarnation_ = std::uniform_int_distribution<uint64_t>()(entropy);
  const auto post_here = [this](std::move_only_function<void()> task) { post(std::move(task)); };
  exchange_ = std::make_unique<weights::WeightExchange>(parts_.cache, post_here);
  generations_ = std::make_unique<Generations>(
      GenerationsSurroundings{.post = post_here,
                              .submit = [this](wire::Generate wanted) { return submit(std::move(wanted)); },
                              .cancel = [this](uint64_t request) { cancel(request); },
                              .wait = options_.wait});
  shards_ = std::make_unique<ShardBackend>(parts_.machine, options_.threads, post_here, &busy_wait_);
  worker_ = std::make_unique<Worker>(
      self, options_.name, *shards_,
      worker::WorkerHost{
          .post = post_here,
          .send = [this](wire::NodeId to, net::Outgoing frame) -> Result<void> {
            EXO_CHECK(peers_->send(to, std::move(frame)));
            return {};
          },
          .fetch = [this](const wire::StagePlan& plan, wire::LayerRange layers, auto progress,
                          auto done) { fetch(plan, layers, std::move(progress), std::move(done)); },
          .on_file = [this](const wire::StagePlan& plan,
                            SharedGguf file) { load_encoder(plan.content, std::move(file)); },
          .connected = [this, self](wire::NodeId node) { return node == self || peers_->connected(node); },
          .on_change =
              [this](const worker::WorkerChanges&) {
                if (std::exchange(worker_due_, true)) return;
                post([this] {
                  worker_due_ = false;
                  on_worker();
                });
              },
          .on_broken =
              [this, self](wire::PlanEpoch epoch, const Error& why, std::optional<wire::NodeId> lost) {
                const auto link = lost ? std::optional(wire::pair_of(self, *lost)) : std::nullopt;
                post([this, epoch, why = why.message, link] {
                  agent_->plan_broken(epoch, why, link, std::chrono::steady_clock::now());
                  pump();
                });
              },
          .on_note = [this](const std::string& text) { note(text); }});
}

void Node::Impl::run() {
  while (!io_.stopped()) {
    if (io_.poll_one() > 0) continue;
    if (busy_wait_.active()) {
      std::this_thread::yield();
    } else {
      io_.run_one();
    }
  }
}

Node::Impl::~Impl() {
  keeps_running_.reset();
  io_.stop();
  if (thread_.joinable()) thread_.join();
  if (status_) status_->stop();
  measuring_.reset();
  generations_->fail_all({ErrorCode::unavailable, "the node is stopping"});
  discovery_.reset();
  listener_.reset();
  parts_.join.reset();
  fetching_.cancel();
  for (const wire::NodeId peer : peers_ ? peers_->connected_nodes() : std::vector<wire::NodeId>())
    exchange_->peer_lost(peer);
  peers_.reset();
  work_.join();
  worker_.reset();
  shards_.reset();
  generations_.reset();
  exchange_.reset();
}

void Node::Impl::post(std::move_only_function<void()> task) {
  boost::asio::post(io_, [task = std::make_shared<std::move_only_function<void()>>(std::move(task))] { (*task)(); });
}

void Node::Impl::note(const std::string& text) const {
  if (options_.on_note) options_.on_note(text);
}

void Node::Impl::begin() {
  for (const Address& at : options_.connect) {
    peers_->dial(at.host, at.port, [this, told = std::string()](const Error& why) mutable {
      // A list may be the same on all nodes, this one included.
      if (why.code == ErrorCode::invalid_argument && options_.connect.size() > 1) return;
      if (std::exchange(told, why.message) != why.message) note(why.message + "; trying again");
    });
  }
  look_around();
  if (parts_.file) read_own_content();
  pump();
  tick();
}

// What the ring does now, where it begins on this node.
void Node::Impl::measure() {
  std::optional<LiveRates> live;
  if (const auto* driver = worker_->driver()) {
    const auto now = std::chrono::steady_clock::now();
    const pipeline::Scheduler& scheduler = driver->scheduler();
    const double seconds = std::chrono::duration<double>(now - measured_at_).count();
    const auto rate = [&](uint64_t count, uint64_t before) {
      return count >= before && seconds > 0 ? static_cast<double>(count - before) / seconds : 0;
    };
    live = {.requests = scheduler.active(),
            .waiting_requests = scheduler.waiting(),
            .tokens_per_s = rate(scheduler.tokens_sampled(), sampled_before_),
            .computed_tokens_per_s = rate(scheduler.tokens_computed(), computed_before_),
            .replayed_tokens = scheduler.tokens_replayed(),
            .stage_step_s = driver->stage_seconds()};
    measured_at_ = now;
    sampled_before_ = scheduler.tokens_sampled();
    computed_before_ = scheduler.tokens_computed();
  }
  const weights::ExchangeStats moved = exchange_->stats();
  status_->set_live(std::move(live), {.sent = moved.sent_bytes, .received = moved.received_bytes});
}

// Closely only those whose silence would hold up an answer; of all others the master tells. In a cluster of many, each
// node has a channel to each.
void Node::Impl::watch_links(cluster::Time now) {
  constexpr std::chrono::seconds ping_far{15}, silence_far{45};
  std::set<wire::NodeId> near;
  for (const auto& [request, node] : asked_) near.insert(node);
  if (worker_->plan() && worker_->steps_in_flight(now)) {
    for (const wire::PlannedStage& stage : worker_->plan()->stages) near.insert(stage.device.node);
  }
  for (const wire::NodeId peer : peers_->connected_nodes()) {
    const bool closely = near.contains(peer);
    const auto known = watched_.find(peer);
    if (known != watched_.end() && known->second == closely) continue;
    watched_[peer] = closely;
    const auto silence = closely ? options_.silence_max : std::max<milliseconds>(silence_far, options_.silence_max);
    peers_->channel(peer)->watch(closely ? options_.silence_max / 4 : ping_far, silence);
  }
}

// Now and then.
void Node::Impl::look_after(cluster::Time now) {
  exchange_->tick(now);
  measure();
  std::vector<LinkRates::LinkNow> links;
  for (const wire::NodeId peer : peers_->connected_nodes()) {
    links.push_back({peer, peers_->channel(peer)->stats()});
    tell_who_leads(peer);
  }
  rates_.tick(links, now);
  for (const auto& link : links) {
    const auto rate = rates_.bytes_per_s(link.peer);
    if (!link.stats.rtt_min) continue;
    agent_->set_link(link.peer, {.round_trip = *link.stats.rtt_min,
                                 .jitter = link.stats.rtt_jitter,
                                 .bytes_per_s = rate.value_or(0),
                                 .loss = losses_.add(link.peer, link.stats)});
  }
  if (now >= facts_at_ + kFactsEvery) {
    facts_at_ = now;
    agent_->set_facts(facts(), now);
    sense();
  }
  agent_->set_busy(busy());
  watch_links(now);
  tell_progress();
  tell_pairing();
  set_model();
  keep_spare(now);
  pump();
  status_->update(now);
}

void Node::Impl::tick() {
  const auto now = std::chrono::steady_clock::now();
  if (now >= looked_after_at_ + kTick) {
    looked_after_at_ = now;
    look_after(now);
  }
  generations_->resume();
  if (planless_since_) see_plan();
  timer_.expires_after(generations_->waiting() ? kTickWaiting : kTick);
  timer_.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) tick();
  });
}

// Alone, it leads at once.
milliseconds Node::Impl::boot_wait() const { return milliseconds(options_.connect.empty() ? 200 : 500); }

// --- channels

void Node::Impl::on_up(wire::NodeId peer) {
  exchange_->peer_connected(peer, *peers_->channel(peer));
  const auto now = std::chrono::steady_clock::now();
  agent_->link_up(peer, now);
  worker_->tick(now);
  watch_links(now);
  tell_who_leads(peer);
  status_->greet(peer);
  pump();
}

void Node::Impl::on_down(wire::NodeId peer, const Error& why) {
  exchange_->peer_lost(peer);
  placed_.erase(peer);
  watched_.erase(peer);
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(driven_, [&](const auto& entry) {
    if (entry.first.first != peer) return false;
    if (auto* driver = worker_->driver()) driver->cancel(entry.second);
    return true;
  });
  if (std::erase_if(asked_, [&](const auto& entry) { return entry.second == peer; }) > 0) generations_->interrupt_all();
  worker_->link_lost(
      peer, {ErrorCode::unavailable, std::format("node {} is away: {}", peers_->name_of(peer), why.message)}, now);
  agent_->link_down(peer, now);
  pump();
}

std::optional<std::span<std::byte>> Node::Impl::place(wire::NodeId peer, const wire::FrameHeader& header) {
  if (const auto* bulk = std::get_if<wire::Bulk>(&header.of)) {
    if (bulk->transfer != wire::kProbeTransfer) return exchange_->place(peer, header);
    if (header.payload_bytes == 1) (void)peers_->send_message(peer, wire::LinkProbed{bulk->offset});
    return std::nullopt;
  }
  auto* ring = worker_->ring();
  auto memory = ring ? ring->receive_buffer(peer, header) : std::nullopt;
  if (!memory) return std::nullopt;
  // The channel writes there even when the ring is gone meanwhile.
  return placed_.insert_or_assign(peer, *std::move(memory)).first->second.bytes();
}

void Node::Impl::on_abandoned(wire::NodeId peer, const wire::FrameHeader& header) {
  if (std::holds_alternative<wire::Bulk>(header.of)) return exchange_->on_abandoned(peer, header);
  placed_.erase(peer);
}

void Node::Impl::on_room(wire::NodeId peer, net::Lane lane) { exchange_->on_room(peer, lane); }

void Node::Impl::on_frame(wire::NodeId peer, const wire::FrameHeader& header, std::span<const std::byte> payload) {
  if (std::holds_alternative<wire::Bulk>(header.of)) return exchange_->on_bulk(peer, header, payload);
  if (std::holds_alternative<wire::Activation>(header.of)) {
    placed_.erase(peer);
    if (auto* ring = worker_->ring()) ring->on_activation(peer, header);
    return;
  }
  if (auto done = on_control(peer, std::get<wire::Control>(header.of).type, payload); !done) {
    peers_->close(peer, done.error());
  }
}

Result<void> Node::Impl::on_control(wire::NodeId peer, wire::ControlType type, std::span<const std::byte> payload) {
  using wire::ControlType;
  switch (type) {
    case ControlType::step: {
      EXO_TRY(wire::Step step, wire::decode<wire::Step>(payload));
      if (auto* ring = worker_->ring()) ring->on_step(peer, std::move(step));
      return {};
    }
    case ControlType::step_done: {
      EXO_TRY(wire::StepDone done, wire::decode<wire::StepDone>(payload));
      if (auto* ring = worker_->ring()) ring->on_step_done(peer, std::move(done));
      return {};
    }
    case ControlType::generate: {
      EXO_TRY(wire::Generate wanted, wire::decode<wire::Generate>(payload));
      on_generate(peer, std::move(wanted));
      return {};
    }
    case ControlType::generated: {
      EXO_TRY(const wire::Generated generated, wire::decode<wire::Generated>(payload));
      on_generated(peer, generated);
      return {};
    }
    case ControlType::generate_cancel: {
      EXO_TRY(const wire::CancelGenerate request, wire::decode<wire::CancelGenerate>(payload));
      const auto found = driven_.find({peer, request.request});
      if (found == driven_.end()) return {};
      if (auto* driver = worker_->driver()) driver->cancel(found->second);
      driven_.erase(found);
      return {};
    }
    case ControlType::stage_progress: {
      return dispatch_.frame(peer, {.of = wire::Control{type}}, payload);
    }
    case ControlType::link_probed: {
      EXO_TRY(const wire::LinkProbed told, wire::decode<wire::LinkProbed>(payload));
      rates_.arrived(peer, told, std::chrono::steady_clock::now());
      return {};
    }
    case ControlType::leads: {
      EXO_TRY(const wire::Leads told, wire::decode<wire::Leads>(payload));
      if (!master_) peers_->keep(told.leader);
      return {};
    }
    default: break;
  }
  if (Result<void> how; agent_heard(peer, type, payload, how)) return how;
  if (weights::WeightExchange::owns(type)) return exchange_->on_control(peer, type, payload);
  return {};  // of a later version
}

// --- for any thread

void Node::Impl::set_api(std::string host, uint16_t port) {
  post([this, host = std::move(host), port] {
    const std::string at = host.empty() ? member().addresses.front() : host;
    options_.api_url =
        std::format("http://{0}{1}{2}:{3}", at.contains(':') ? "[" : "", at, at.contains(':') ? "]" : "", port);
    facts_at_ = std::chrono::steady_clock::now();
    agent_->set_facts(facts(), facts_at_);
    pump();
  });
}

std::vector<ModelEntry> Node::Impl::models() const {
  const auto serving = generations_->expected();
  if (!serving) return {};
  return {{.id = serving->model, .created = serving->since, .context_tokens = serving->context}};
}

Result<void> Node::Impl::ready() const {
  EXO_CHECK(generations_->serving());
  return {};
}

Result<void> Node::Impl::drain(std::string_view node, bool draining) {
  EXO_TRY(const wire::NodeId id, status_->find_node(node));
  if (!status_->snapshot()->leader) {
    return fail(ErrorCode::unavailable, "the cluster has no leader at the moment; try again");
  }
  post([this, id, draining] {
    agent_->command(wire::DrainingSet{.node = id, .draining = draining}, std::chrono::steady_clock::now());
    pump();
  });
  return {};
}

}  // namespace exogpu::node
