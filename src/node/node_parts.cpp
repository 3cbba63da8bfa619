// Creates the parts of a node, one function for each, and connects them to each other.
#include <algorithm>
#include <format>
#include <utility>

#include "base/log.h"
#include "cluster/fold.h"
#include "net/mdns/discovery.h"
#include "node/node_impl.h"
#include "node/term_file.h"
#include "security/identity_store.h"

namespace exogpu::node {
namespace {

// Time for messages of other nodes to arrive before this node leads. Alone, it leads at once.
constexpr std::chrono::milliseconds kBootWaitAlone{200}, kBootWait{500};

Result<RunningDiscovery> discover(Loop& loop, const net::Announcement& own, net::DiscoveryHandler handler) {
  EXO_TRY(auto discovery, net::Discovery::start(loop.context().get_executor(), own, std::move(handler)));
  return [discovery = std::move(discovery)](net::Announcement changed) { discovery->announce(std::move(changed)); };
}

}  // namespace

Result<void> Node::Impl::make_network() {
  net::ChannelOptions channel;
  channel.silence_max = options_.silence_max;
  channel.ordered_queue = 256 * MiB;  // some chunks of a prompt for a wide model
  const net::LinkSelf own{.versions = wire::own_versions(),
                          .node = self(),
                          .cluster = resources_.identity.cluster(),
                          .incarnation = resources_.incarnation,
                          .renews = [this] { return options_.identity_store().authority().has_value(); }};
  const auto executor = loop_.context().get_executor();
  const auto admits = [this](wire::NodeId node) { return resources_.removals->check(node); };
  peers_ =
      std::make_unique<Peers>(executor, resources_.tls, own, PeersOptions{.channel = channel, .admits = admits}, *this);
  const auto on_channel = [this](std::unique_ptr<net::Channel> opened) { peers_->accept(std::move(opened)); };
  const auto on_refused = [this](const Error& why) {
    // A call from this node itself is no trouble.
    if (why.code != ErrorCode::invalid_argument) note(why.message);
    peers_->accept_failed(why);
  };
  EXO_TRY(
      net::Listener listener,
      net::Listener::open(executor, resources_.tls, own,
                          {.address = options_.listen.host, .port = options_.listen.port, .channel = channel},
                          {.on_channel = on_channel,
                           .on_refused = on_refused,
                           .admits = admits,
                           .on_member = [this](net::TlsStream stream,
                                               wire::NodeId peer) { group_members_->take(std::move(stream), peer); }},
                          resources_.join.get()));
  listener_.emplace(std::move(listener));
  log::info("node", "exogpu {}: node {} of the cluster {} with link port {}; its state folder is {}",
            own.versions.program, self().short_text(), own.cluster.short_text(), port(), options_.state.string());
  membership_.emplace(self(), *peers_, *peers_, [](const std::string& text) { log::info("node", "{}", text); });
  links_.emplace(*peers_, [this](wire::NodeId peer) { return peers_->channel(peer); }, options_.silence_max);
  return {};
}

void Node::Impl::make_agent() {
  agent_.emplace(
      facts(),
      cluster::AgentOptions{.counter = resources_.term_counter,
                            .boot_wait = options_.connect.empty() ? kBootWaitAlone : kBootWait,
                            .trusted =
                                [this](wire::NodeId node) {
                                  const auto of = roles().of(node);
                                  return of && is_trusted(*of);
                                }},
      *peers_,
      ClusterAgentHost{
          .now = [] { return std::chrono::steady_clock::now(); },
          .on_leader = [this] { on_leader(); },
          .on_state = [this] { on_state(); },
          .persist_counter = [this](uint64_t counter) { return write_term_counter(options_.state, counter); },
          .wake_at = [this](cluster::Time at) { timers_.agent.set(at); },
          .note = [this](const std::string& text) { note(text); },
          .on_change = [this](const StateChange& change) { remember_event(change.level, change.text); }});
  const auto predict = [this](const wire::LibraryModel& model) {
    return predictions_ ? predictions_->find(model) : std::nullopt;
  };
  status_.emplace(
      [this, predict] {
        return ClusterKnowledge{.state = agent_->state(),
                                .leader = agent_->leader(),
                                .no_leader_reason = agent_->no_leader_reason(),
                                .self = self(),
                                .predict = predict,
                                .role = [this](wire::NodeId node) { return roles().of(node); },
                                .pulls = cluster_pulls_ ? cluster_pulls_->reports()
                                                        : std::vector<std::pair<wire::NodeId, wire::PullReport>>()};
      },
      *peers_, [this](cluster::Time at) { timers_.status.set(at); });
}

void Node::Impl::make_requests() {
  const auto first_node = [this](wire::PlanEpoch epoch) -> std::optional<wire::NodeId> {
    const wire::ModelRecord* model = cluster::planned_in(agent_->state(), epoch);
    return model ? std::optional(model->plan->made.plan.stages.front().device.node) : std::nullopt;
  };
  requests_.emplace(
      self(), *peers_,
      RingAccess{.driver = [this](wire::PlanEpoch epoch) { return workers_->driver(epoch); }, .first_node = first_node},
      GenerationsHost{.post = [this](auto task) { loop_.post(std::move(task)); },
                      .in_background = [this](auto task) { in_background(std::move(task)); },
                      .wait = options_.wait,
                      .on_end = [this] { report_busy_soon(); }},
      [](const std::string& text) { log::info("node", "{}", text); });
}

void Node::Impl::make_model_files() {
  model_files_.emplace(ModelFilesOptions{.file = resources_.file,
                                         .chat_template = options_.chat_template,
                                         .cache = resources_.cache,
                                         .manifests = options_.cache / "manifests",
                                         .offered_model = resources_.offered_model,
                                         .joins = !options_.connect.empty(),
                                         .spare = options_.spare},
                       ModelFilesHost{.post = [this](auto task) { loop_.post(std::move(task)); },
                                      .in_background = [this](auto task) { in_background(std::move(task)); },
                                      .on_own_content = [this] { propose_model(); },
                                      .on_own_file_changed = [this](const Error& why) { on_own_file_changed(why); },
                                      .on_encoder = [this] { update_requests(); },
                                      .note = [this](const std::string& text) { note(text); },
                                      .name_of = [this](wire::NodeId node) { return peers_->name_of(node); },
                                      .on_complete = [this] { library_->set_changed(); }});
}

void Node::Impl::make_groups() {
  const auto find_connected = [this](std::string_view name) -> std::optional<wire::Member> {
    for (const auto& [id, node] : agent_->state().nodes) {
      const wire::Member& member = node.facts.info.self;
      if ((member.name == name || id.text() == name) && peers_->connected(id) && may_group_with(id)) return member;
    }
    return std::nullopt;
  };
  const auto post = [this](auto task) { loop_.post(std::move(task)); };
  const auto on_note = [this](const std::string& text) { note(text); };
  remote_groups_.emplace(resources_.machine, resources_.tls, options_.devices, member(),
                         RemoteGroupsHost{.find_connected = find_connected,
                                          .post = post,
                                          .in_background = [this](auto task) { in_background(std::move(task)); },
                                          .on_change =
                                              [this] {
                                                agent_->change([this](cluster::Agent& agent, cluster::Time now) {
                                                  agent.set_facts(facts(), now);
                                                });
                                              },
                                          .note = on_note});
  group_members_.emplace(
      resources_.machine, resources_.tls,
      GroupMembersOptions{.allowed = options_.only_groups,
                          .threads = options_.threads,
                          .node = {.self = member(), .devices = resources_.devices, .links = {}}},
      GroupMembersHost{.fetch =
                           [this](const wire::MemberLoad& part, auto done) {
                             loop_.post(
                                 [this, part, done = std::move(done)] { model_files_->fetch_for_member(part, done); });
                           },
                       .note = on_note,
                       .role_of = [this](wire::NodeId node) { return roles().of(node); },
                       .on_refused =
                           [this](wire::NodeId peer, const std::string& what) {
                             loop_.post([this, peer, what] { audit().count_refusal(peers_->name_of(peer), {}, what); });
                           }});
}

void Node::Impl::make_verifier() {
  const auto devices = resources_.machine.devices();  // the processor is the last
  if (options_.verify <= 0 || devices.empty()) return;
  verifier_.emplace(
      options_.verify, devices.back(),
      AnswerVerifierHost{
          .post = [this](auto task) { loop_.post(std::move(task)); },
          .fetch =
              [this](const wire::StagePlan& plan, auto done) {
                const uint32_t layers = plan.stages.back().layers.end;
                model_files_->fetch_for_member({.content = plan.content, .layers = {0, layers}, .model_layers = layers},
                                               std::move(done));
              },
          .on_difference =
              [this](const wire::DeviceRef& device, const StageCheck& check) {
                const std::string name = std::format("{}/{}", peers_->name_of(device.node), device.device);
                audit().record({.who = "local",
                                .from = {},
                                .action = "answer.differs",
                                .what = name,
                                .result = std::format("differs by {:.2f} in {} rows", check.difference, check.rows)});
                note(std::format("an answer that was computed once more came out differently on {}", name));
              },
          .note = [this](const std::string& text) { note(text); }});
}

void Node::Impl::make_worker() {
  shards_ = std::make_unique<ShardBackend>(
      resources_.machine, options_.threads, [this](auto task) { loop_.post(std::move(task)); }, &loop_.busy_wait(),
      resources_.group_shares, heat_->pacers(), &*remote_groups_);
  workers_ = std::make_unique<worker::ModelWorkers>(
      self(), options_.name, *shards_,
      worker::WorkerHost{
          .post = [this](auto task) { loop_.post(std::move(task)); },
          .send = [this](wire::NodeId to, net::Outgoing frame) { return peers_->send(to, std::move(frame)); },
          .fetch = [this](const wire::StagePlan& plan, wire::LayerRange layers, auto progress,
                          auto done) { model_files_->fetch(plan, layers, std::move(progress), std::move(done)); },
          .on_file = [this](const wire::StagePlan& plan,
                            SharedGguf file) { model_files_->load_encoder(plan.content, std::move(file)); },
          .connected = [this](wire::NodeId node) { return node == self() || peers_->connected(node); },
          .on_change =
              [this](const worker::WorkerChanges&) {
                if (std::exchange(timers_.worker_due, true)) return;
                loop_.post([this] {
                  timers_.worker_due = false;
                  on_worker();
                });
              },
          .on_broken = [this](const wire::PlanEnded& broken) { on_ring_broken(broken); },
          .on_note = [this](const std::string& text) { note(text); },
          .may_load = {},
          .make_recorder =
              [this](const wire::StagePlan& plan) { return verifier_ ? verifier_->recorder(plan) : nullptr; }});
}

void Node::Impl::make_local_network() {
  if (!options_.discover || !reachable_from_network(options_.listen.host)) return;
  local_network_.emplace(
      net::Announcement{.node = self(),
                        .name = options_.name,
                        .version = wire::own_versions().program,
                        .cluster = resources_.identity.cluster(),
                        .port = port(),
                        .lets_in = options_.identity_store().authority().has_value()},
      options_.state,
      LocalNetworkHost{
          .keep = [this](const wire::Member& member) { peers_->keep_connected(member); },
          .connected = [this](wire::NodeId node) { return peers_->connected(node); },
          .discover = [this](const net::Announcement& own,
                             net::DiscoveryHandler handler) { return discover(loop_, own, std::move(handler)); },
          .run_after = [this](std::chrono::milliseconds time, auto task) { loop_.post_after(time, std::move(task)); },
          .note = [this](const std::string& text) { note(text); }});
}

void Node::Impl::register_ring_frames() {
  for (const auto type : {wire::ControlType::step, wire::ControlType::step_done}) {
    dispatch_.on_raw(type, [this](wire::NodeId from, wire::ControlType of, std::span<const std::byte> payload) {
      return ring_frames_.on_control(from, of, payload);
    });
  }
  dispatch_.on_activations(
      {.receive_buffer = [this](wire::NodeId from,
                                const wire::FrameHeader& header) { return ring_frames_.receive_buffer(from, header); },
       .on_frame = [this](wire::NodeId from, const wire::FrameHeader& header,
                          std::span<const std::byte>) { ring_frames_.on_activation(from, header); },
       .on_abandoned = [this](wire::NodeId from, const wire::FrameHeader&) { ring_frames_.on_abandoned(from); }});
}

}  // namespace exogpu::node
