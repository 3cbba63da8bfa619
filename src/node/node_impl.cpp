#include "node/node_impl.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <format>
#include <utility>

#include "base/log.h"
#include "cluster/names.h"
#include "node/self_facts.h"

namespace exogpu::node {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds kTick{500};
// While answers wait for the next ring.
constexpr milliseconds kTickWaiting{50};
constexpr std::chrono::seconds kFactsEvery{5};

}  // namespace

Node::Impl::Impl(NodeOptions options, NodeResources resources)
    : options_(std::move(options)),
      resources_(std::move(resources)),
      timers_{.tick = {loop_, [this] { tick(); }},
              .agent = {loop_, [this] { agent_->tick(); }},
              .worker = {loop_, [this] { on_worker(); }},
              .status = {loop_, [this] { status_->update(steady_clock::now()); }}} {}

Result<std::unique_ptr<Node::Impl>> Node::Impl::start(NodeOptions options) {
  EXO_TRY(NodeResources resources, prepare(options));
  std::unique_ptr<Impl> impl(new Impl(std::move(options), std::move(resources)));
  impl->make_joining();
  EXO_CHECK(impl->make_network());
  impl->make_groups();
  impl->make_renewal();
  impl->make_agent();
  impl->make_requests();
  impl->make_model_files();
  impl->make_library();
  impl->make_pulls();
  impl->make_heat_guard();
  impl->make_verifier();
  impl->make_worker();
  impl->make_memory_guard();
  impl->make_telemetry();
  impl->make_local_network();
  impl->register_handlers();
  impl->status_->set_changed();
  impl->status_->update(steady_clock::now());
  impl->loop_.post([at = impl.get()] { at->begin(); });
  impl->loop_.start();
  return impl;
}

// The parts end in an order in which none is called that has gone: first the thread that calls them all, then what
// speaks to the network, then what the background threads use.
Node::Impl::~Impl() {
  if (status_) status_->stop();
  loop_.stop();
  sampler_.reset();
  group_members_.reset();
  if (remote_groups_) remote_groups_->stop();
  if (requests_) requests_->fail_all({ErrorCode::unavailable, "the node is stopping"});
  if (model_files_) model_files_->stop();
  measuring_.clear();
  local_network_.reset();
  listener_.reset();
  resources_.join.reset();
  if (model_files_) {
    for (const wire::NodeId peer : peers_->connected_nodes()) model_files_->on_link_down(peer);
  }
  peers_.reset();
  background_.join();
  if (heat_) (void)telemetry::write_thermal_book(heat_file(), heat_->learnt());
  workers_.reset();
  shards_.reset();
  requests_.reset();
  model_files_.reset();
}

// --- beginning

void Node::Impl::register_handlers() {
  agent_->register_handlers(dispatch_);
  membership_->register_handlers(dispatch_);
  links_->register_handlers(dispatch_);
  renewal_->register_handlers(dispatch_);
  model_files_->register_handlers(dispatch_);
  loads_->register_handlers(dispatch_);
  cluster_pulls_->register_handlers(dispatch_);
  requests_->register_handlers(dispatch_);
  status_->register_handlers(dispatch_);
  telemetry_->register_handlers(dispatch_);
  register_audit_handlers();
  register_removal_handlers();
  register_role_handlers();
  register_settings_handlers();
  register_ring_frames();
}

void Node::Impl::begin() {
  for (const Address& at : options_.connect) dial(at);
  if (local_network_) local_network_->start();
  model_files_->start();
  begin_access_keys();
  begin_audit();
  agent_->tick();
  tick();
  start_sampler();
}

void Node::Impl::dial(const Address& at) {
  peers_->dial(at.host, at.port, [this, noted = std::string()](const Error& why) mutable {
    // A list may be the same on all nodes, this one included.
    if (why.code == ErrorCode::invalid_argument && options_.connect.size() > 1) return;
    if (std::exchange(noted, why.message) != why.message) note(why.message + "; trying again");
  });
}

void Node::Impl::add_peer(const Address& at) {
  loop_.post([this, at] { dial(at); });
}

void Node::Impl::connect(const std::string& host, uint16_t port, const std::function<void(Result<void>)>& done) {
  loop_.post([this, host, port, done] {
    peers_->call(host, port, [done](const Result<wire::NodeId>& node) {
      if (!node) return done(std::unexpected(node.error()));
      done({});
    });
  });
}

// --- channels

void Node::Impl::on_up(wire::NodeId peer) {
  if (peers_->channel(peer)->peer().expired) return void(expired_.insert(peer));
  const auto now = steady_clock::now();
  // Before anything else, so that the other end expels removed nodes before it has to do with this one.
  if (const wire::Removals removed = resources_.removals->all(); !removed.list.empty()) {
    (void)peers_->send_message(peer, removed);
  }
  if (roles().in_use()) (void)peers_->send_message(peer, roles().all());
  ask_for_authority(peer);
  renewal_->on_link_up();
  model_files_->on_link_up(peer, *peers_->channel(peer));
  agent_->change([&](cluster::Agent& agent, cluster::Time at) { agent.link_up(peer, at); });
  workers_->tick(now);
  links_->watch(nodes_to_watch(now));
  membership_->introduce_leader(agent_->state(), peer);
  status_->greet(peer);
  telemetry_->on_link_up(peer);
  exchange_audit_heads(peer);
  note_clock_of(peer);
}

void Node::Impl::on_down(wire::NodeId peer, const Error& why) {
  if (expired_.erase(peer) > 0) return;
  const auto now = steady_clock::now();
  model_files_->on_link_down(peer);
  ring_frames_.peer_lost(peer);
  group_members_->on_down(peer, {ErrorCode::unavailable, "the first member's node is offline"});
  remote_groups_->on_down(peer);
  links_->on_link_down(peer);
  cluster_pulls_->on_link_down(peer);
  requests_->on_link_down(peer);
  telemetry_->on_link_down(peer);
  workers_->link_lost(
      peer, {ErrorCode::unavailable, std::format("node {} is offline: {}", peers_->name_of(peer), why.message)}, now);
  agent_->change([&](cluster::Agent& agent, cluster::Time at) { agent.link_down(peer, at); });
}

std::optional<std::span<std::byte>> Node::Impl::receive_buffer(wire::NodeId peer, const wire::FrameHeader& header) {
  if (expelled_.contains(peer) || !obeys(peer, header, {})) return std::nullopt;
  return dispatch_.receive_buffer(peer, header);
}

void Node::Impl::on_frame(wire::NodeId peer, const wire::FrameHeader& header, std::span<const std::byte> payload) {
  if (expelled_.contains(peer) || !obeys(peer, header, payload)) return;
  if (auto taken = dispatch_.frame(peer, header, payload); !taken) peers_->close(peer, taken.error());
}

void Node::Impl::on_abandoned(wire::NodeId peer, const wire::FrameHeader& header) { dispatch_.abandoned(peer, header); }

void Node::Impl::on_writable(wire::NodeId peer, net::Lane lane) { model_files_->on_writable(peer, lane); }

void Node::Impl::on_second_identity(wire::NodeId node, const std::string& address) {
  const std::string name = node == self() ? name_ : peers_->name_of(node);
  log::warning(
      "node",
      "another process has the identity of node {} and was refused: {}. If its disk or state folder is a copy, "
      "give it an identity of its own: there, remove the state folder and run `exogpu join`",
      name, address);
  status_->add_identity_conflict({.node = name, .source = address, .refused_at = std::chrono::system_clock::now()});
}

void Node::Impl::on_identity_in_use(const Error& why) {
  const Error fatal{ErrorCode::already_exists,
                    std::format("{}. If this device's disk or state folder is a copy, give it an identity of its own: "
                                "remove the state folder {} and run `exogpu join`",
                                why.message, options_.state.string())};
  log::error("node", "{}", fatal.message);
  if (options_.on_fatal) options_.on_fatal(fatal);
}

// --- what happens when a part has news

void Node::Impl::on_leader() {
  cluster_counter_.observe_leader(agent_->leader());
  if (const auto leader = agent_->leader()) {
    remember_event(log::Level::info,
                   std::format("{} leads the cluster", cluster::name_of(agent_->state().nodes, *leader)));
  } else {
    remember_event(log::Level::warning, std::format("no node leads the cluster: {}", agent_->no_leader_reason()));
  }
  membership_->on_leader(agent_->state(), agent_->leader());
  workers_->follow(agent_->state(), agent_->leader().has_value(), steady_clock::now());
  status_->set_changed();
}

void Node::Impl::on_state() {
  cluster_counter_.observe(agent_->state());
  membership_->on_state(agent_->state());
  workers_->follow(agent_->state(), agent_->leader().has_value(), steady_clock::now());
  propose_model();
  loads_->update();
  update_requests();
  update_drivers();
  update_access_keys();
  status_->set_changed();
}

void Node::Impl::on_worker() {
  const auto now = steady_clock::now();
  workers_->tick(now);
  report_stages();
  report_condition();
  if (const auto wake = workers_->wake()) timers_.worker.set(*wake);
}

// Maybe called from inside the agent's own calls.
void Node::Impl::on_ring_broken(const wire::PlanEnded& broken) {
  loop_.post([this, broken] {
    agent_->change([&](cluster::Agent& agent, cluster::Time at) { agent.plan_broken(broken, at); });
  });
}

void Node::Impl::on_own_file_changed(const Error& why) {
  note(why.message);
  status_->set_model_file_error(why.message);
}

void Node::Impl::update_requests() {
  const uint64_t library = agent_->library_version();
  if (std::exchange(timers_.library_listed, library) != library) requests_->library_changed();
  requests_->update(
      agent_->state(), status_->reports(),
      [this](const std::string& content) { return model_files_->encoder(content); }, steady_clock::now());
}

void Node::Impl::propose_model() {
  model_files_->compare_own_model(agent_->state());
  if (!agent_->leader()) return;
  auto proposal = model_files_->proposal(agent_->state(), agent_->term(), steady_clock::now());
  if (!proposal) return;
  propose(*proposal);
}

// Answers that this node was asked for count, too: between two rings no stage has to do with them.
std::set<std::string> Node::Impl::busy() const {
  std::set<std::string> models = workers_->busy();
  models.merge(requests_->busy());
  return models;
}

bool Node::Impl::idle(cluster::Time now) const {
  return requests_->serving() && std::ranges::none_of(workers_->all(), [&](const auto& each) {
           return each.second->local_plan().acting || each.second->steps_in_flight(now);
         });
}

void Node::Impl::tick() {
  const auto now = steady_clock::now();
  if (now >= timers_.looked_after_at + kTick) {
    timers_.looked_after_at = now;
    look_after(now);
  }
  requests_->resume();
  update_requests();
  timers_.tick.set(now + (requests_->waiting() ? kTickWaiting : kTick));
}

void Node::Impl::look_after(cluster::Time now) {
  requests_->tick(now);
  model_files_->tick(now);
  update_drivers();
  library_->tick(now);
  read_served_files();
  predictions_->update(agent_->state(), now);
  cluster_pulls_->tick(now);
  remote_groups_->tick(now, resources_.devices);
  loads_->update();
  UnusedFor unused;
  agent_->change([&](cluster::Agent& agent, cluster::Time at) { unused = agent.unused_models(at); });
  status_->set_live(live_rates(now), model_files_->traffic(), unused);
  status_->set_own_reports(own_reports());
  membership_->introduce_leader_to_all(agent_->state());
  links_->watch(nodes_to_watch(now));
  if (local_network_) local_network_->update_pairing();
  look_after_audit(now);
  renewal_->tick(now);
  const bool facts_due = now >= timers_.facts_at + kFactsEvery;
  if (facts_due) {
    timers_.facts_at = now;
    heat_->measure_power(resources_.devices);
  }
  agent_->change([&](cluster::Agent& agent, cluster::Time at) {
    for (const auto& [peer, measured] : links_->measure(at)) agent.set_link(peer, measured);
    if (facts_due) agent.set_facts(facts(), at);
    agent.set_busy(busy(), at);
  });
  propose_model();
  const bool spare = memory_->condition().pressure == wire::MemoryPressure::none && may_compute(role());
  // What is read here need not be fetched.
  model_files_->update_spare(agent_->state(), spare && idle(now) && measuring_.empty(), now);
}

// --- what the parts ask

wire::Member Node::Impl::member() const {
  const std::string& host = options_.listen.host;
  const bool everywhere = host.empty() || host == "::" || host == "0.0.0.0";
  wire::Member own{.node = self(),
                   .name = name_,
                   .addresses = everywhere ? own_addresses() : std::vector{host},
                   .link_port = port(),
                   .api_url = options_.api_url};
  if (options_.advertise) {
    own.addresses = {options_.advertise->host};
    own.link_port = options_.advertise->port;
  }
  return own;
}

wire::NodeFacts Node::Impl::facts() const {
  const auto up = std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - resources_.started);
  const bool computes = may_compute(role()) && !options_.only_groups;
  auto devices = computes ? remote_groups_->offered(resources_.devices) : std::vector<wire::DeviceProfile>();
  return {.info = {.self = member(), .devices = std::move(devices), .links = {}},
          .version = wire::own_versions().program,
          .incarnation = resources_.incarnation,
          .fitness = fitness_of(up)};
}

// Those whose silence would hold up an answer.
std::set<wire::NodeId> Node::Impl::nodes_to_watch(cluster::Time now) {
  std::set<wire::NodeId> near = requests_->answering_nodes();
  for (const auto& [content, worker] : workers_->all()) {
    if (!worker->plan() || !worker->steps_in_flight(now)) continue;
    for (const wire::PlannedStage& stage : worker->plan()->stages) near.insert(stage.device.node);
  }
  return near;
}

void Node::Impl::in_background(std::move_only_function<void()> task) {
  boost::asio::post(background_,
                    [task = std::make_shared<std::move_only_function<void()>>(std::move(task))] { (*task)(); });
}

void Node::Impl::note(const std::string& text) const {
  if (options_.on_note) options_.on_note(text);
}

// --- any thread

void Node::Impl::set_api(std::string host, uint16_t port, std::string scheme) {
  loop_.post([this, host = std::move(host), port, scheme = std::move(scheme)] {
    const std::string at = host.empty() ? member().addresses.front() : host;
    // For programs of this user on this machine; 0.0.0.0 and :: are reached by the loopback, too.
    const std::string local = host.empty() ? "127.0.0.1" : host;
    const auto written = security::write_secret(
        options_.state / "api",
        std::format("{0}{1}{2}:{3}", local.contains(':') ? "[" : "", local, local.contains(':') ? "]" : "", port));
    if (!written) note(written.error().message);
    options_.api_url =
        std::format("{}://{}{}{}:{}", scheme, at.contains(':') ? "[" : "", at, at.contains(':') ? "]" : "", port);
    agent_->change([this](cluster::Agent& agent, cluster::Time now) { agent.set_facts(facts(), now); });
  });
}

Result<void> Node::Impl::check_leader() const {
  if (status_->snapshot()->leader) return {};
  return fail(ErrorCode::unavailable, "the cluster has no leader at the moment; try again");
}

}  // namespace exogpu::node
