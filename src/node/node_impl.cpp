#include "node/node_impl.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <format>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace exogpu::node {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kTick{500};

// Links that differ by less are told as they were.
constexpr double kLinkChange = 0.3;

bool alike(double a, double b) { return std::abs(a - b) <= kLinkChange * b; }

// How long a stage that is loaded waits for the next one's node to be connected.
constexpr std::chrono::seconds kConnectMax{5};

bool takes_part(const wire::StagePlan& plan, wire::NodeId node) {
  return std::ranges::any_of(plan.stages, [&](const wire::PlannedStage& stage) { return stage.device.node == node; });
}

}  // namespace

Node::Impl::Impl(NodeOptions options, Parts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      keeps_running_(io_.get_executor()),
      timer_(io_),
      rates_([this](wire::NodeId to, net::Outgoing frame) { return peers_->send(to, std::move(frame)).has_value(); }) {
  const wire::NodeId self = parts_.identity.node();
  const auto post_here = [this](std::move_only_function<void()> task) { post(std::move(task)); };
  exchange_ = std::make_unique<weights::WeightExchange>(parts_.cache, post_here);
  generations_ = std::make_unique<Generations>(
      GenerationsSurroundings{.post = post_here,
                              .submit = [this](wire::Generate wanted) { return submit(std::move(wanted)); },
                              .cancel = [this](uint64_t request) { cancel(request); }});
  stages_ = std::make_unique<StageHost>(
      self, options_.name, parts_.machine, options_.threads,
      StageHostSurroundings{
          .post = post_here,
          .send = [this](wire::NodeId to, net::Outgoing frame) -> Result<void> {
            EXO_CHECK(peers_->send(to, std::move(frame)));
            return {};
          },
          .fetch = [this](const wire::StagePlan& plan, wire::LayerRange layers, auto progress,
                          auto done) { fetch(plan, layers, std::move(progress), std::move(done)); },
          .on_file = [this](const wire::StagePlan& plan, SharedGguf file) { load_encoder(plan, std::move(file)); },
          .on_state = [this](const wire::StageState& state) { report(state); },
          .on_broken =
              [this](wire::PlanEpoch epoch, const Error& why) {
                if (auto* driver = stages_->driver()) driver->fail_all(why);
                tell_broken(epoch, why);
              },
          .busy_wait = &busy_wait_});
  if (parts_.shape) {
    const auto now = std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    leader_ = std::make_unique<Leader>(self, LeaderOptions{.model = printable(options_.model.stem().string()),
                                                           .content = {},
                                                           .shape = *parts_.shape,
                                                           .shard = options_.shard,
                                                           .kv_type = options_.kv_type,
                                                           .wishes = options_.wishes,
                                                           .layers = options_.layers,
                                                           .without = options_.without,
                                                           .first_epoch = static_cast<uint64_t>(now.count())});
  }
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
  measuring_.reset();
  generations_->fail_all({ErrorCode::unavailable, "the node is stopping"});
  discovery_.reset();
  listener_.reset();
  parts_.join.reset();
  fetching_.cancel();
  for (const wire::NodeId peer : peers_ ? peers_->nodes() : std::vector<wire::NodeId>()) exchange_->peer_lost(peer);
  peers_.reset();
  work_.join();
  stages_.reset();
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
  if (options_.connect) {
    peers_->dial(options_.connect->host, options_.connect->port,
                 [this, told = std::string()](const Error& why) mutable {
                   if (std::exchange(told, why.message) != why.message) note(why.message + "; trying again");
                 });
  }
  look_around();
  if (parts_.file) read_own_content();
  if (leader_) {
    leader_->joined(info());
    replan();
  }
  tick();
}

// What the ring does now, where it begins on this node.
void Node::Impl::measure() {
  nlohmann::ordered_json live = nullptr;
  if (const auto* driver = stages_->driver()) {
    const auto now = std::chrono::steady_clock::now();
    const pipeline::Scheduler& scheduler = driver->scheduler();
    const double seconds = std::chrono::duration<double>(now - measured_at_).count();
    const auto rate = [&](uint64_t count, uint64_t before) {
      return count >= before && seconds > 0 ? static_cast<double>(count - before) / seconds : 0;
    };
    live = {{"requests", scheduler.active()},
            {"waiting", scheduler.waiting()},
            {"tokens_per_s", rate(scheduler.tokens_sampled(), sampled_before_)},
            {"computed_tokens_per_s", rate(scheduler.tokens_computed(), computed_before_)},
            {"stage_step_s", driver->stage_seconds()}};
    measured_at_ = now;
    sampled_before_ = scheduler.tokens_sampled();
    computed_before_ = scheduler.tokens_computed();
  }
  const weights::ExchangeStats moved = exchange_->stats();
  const nlohmann::ordered_json weights = {{"sent_bytes", moved.sent_bytes}, {"received_bytes", moved.received_bytes}};
  const std::lock_guard lock(mutex_);
  live_ = live.dump();
  weights_ = weights.dump();
}

void Node::Impl::tick() {
  exchange_->tick(std::chrono::steady_clock::now());
  measure();
  tell_info();
  tell_busy();
  tell_unconnected();
  std::vector<LinkRates::LinkNow> links;
  for (const wire::NodeId peer : peers_->nodes()) links.push_back({peer, peers_->channel(peer)->stats()});
  rates_.tick(links, std::chrono::steady_clock::now());
  tell_pairing();
  if (leader_) replan();
  generations_->resume();
  timer_.expires_after(kTick);
  timer_.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) tick();
  });
}

// --- channels

void Node::Impl::on_up(wire::NodeId peer) {
  exchange_->peer_connected(peer, *peers_->channel(peer));
  links_told_.clear();
  (void)peers_->tell(peer, info());
  if (leader_) {
    tell_plan(peer);
    (void)peers_->tell(peer, state_);
  }
  tell_who_leads(peer);
  report_ready();
}

void Node::Impl::on_down(wire::NodeId peer, const Error& why) {
  exchange_->peer_lost(peer);
  placed_.erase(peer);
  const Error away{ErrorCode::unavailable, std::format("node {} is away: {}", peers_->name_of(peer), why.message)};
  note(away.message);
  std::erase_if(driven_, [&](const auto& entry) {
    if (entry.first.first != peer) return false;
    if (auto* driver = stages_->driver()) driver->cancel(entry.second);
    return true;
  });
  const auto& plan = stages_->plan();
  const bool in_plan = plan && takes_part(*plan, peer);
  if (in_plan) {
    if (auto* driver = stages_->driver()) driver->fail_all(away);
    generations_->interrupt_all();
    // The leader may still see both ends of a link that is lost.
    if (!leader_ && leader_node_ != peer) tell_broken(plan->epoch, away, peer);
  }
  if (leader_node_ == peer) {
    leader_node_.reset();
    leader_known_ = false;
    other_leader_.reset();
    generations_->stop_serving(away);
    generations_->fail_all(away);
    stages_->drop(away);
    state_ = {};
    publish();
  }
  if (leader_) {
    leader_->left(peer);
    replan();
  }
}

std::optional<std::span<std::byte>> Node::Impl::place(wire::NodeId peer, const wire::FrameHeader& header) {
  if (const auto* bulk = std::get_if<wire::Bulk>(&header.of)) {
    if (bulk->transfer != wire::kProbeTransfer) return exchange_->place(peer, header);
    if (header.payload_bytes == 1) (void)peers_->tell(peer, wire::LinkProbed{bulk->offset});
    return std::nullopt;
  }
  auto* ring = stages_->ring();
  auto memory = ring ? ring->place(peer, header) : std::nullopt;
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
    if (auto* ring = stages_->ring()) ring->on_activation(peer, header);
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
      if (auto* ring = stages_->ring()) ring->on_step(peer, std::move(step));
      return {};
    }
    case ControlType::step_done: {
      EXO_TRY(wire::StepDone done, wire::decode<wire::StepDone>(payload));
      if (auto* ring = stages_->ring()) ring->on_step_done(peer, std::move(done));
      return {};
    }
    case ControlType::generate: {
      EXO_TRY(wire::Generate wanted, wire::decode<wire::Generate>(payload));
      on_generate(peer, std::move(wanted));
      return {};
    }
    case ControlType::generated: {
      EXO_TRY(const wire::Generated generated, wire::decode<wire::Generated>(payload));
      const auto& plan = stages_->plan();
      if (plan && plan->stages.front().device.node == peer) generations_->on_generated(generated);
      return {};
    }
    case ControlType::generate_cancel: {
      EXO_TRY(const wire::CancelGenerate request, wire::decode<wire::CancelGenerate>(payload));
      const auto found = driven_.find({peer, request.request});
      if (found == driven_.end()) return {};
      if (auto* driver = stages_->driver()) driver->cancel(found->second);
      driven_.erase(found);
      return {};
    }
    case ControlType::node_info: {
      EXO_TRY(wire::NodeInfo told, wire::decode<wire::NodeInfo>(payload));
      if (told.self.node != peer) return fail(ErrorCode::corrupt, "a node told of another as if it were itself");
      on_info(std::move(told));
      return {};
    }
    case ControlType::stage_plan: {
      EXO_TRY(const wire::StagePlan plan, wire::decode<wire::StagePlan>(payload));
      on_plan(peer, plan);
      return {};
    }
    case ControlType::stage_state: {
      EXO_TRY(const wire::StageState state, wire::decode<wire::StageState>(payload));
      on_stage_state(peer, state);
      return {};
    }
    case ControlType::cluster_state: {
      EXO_TRY(const wire::ClusterState state, wire::decode<wire::ClusterState>(payload));
      on_cluster_state(peer, state);
      return {};
    }
    case ControlType::link_probed: {
      EXO_TRY(const wire::LinkProbed told, wire::decode<wire::LinkProbed>(payload));
      rates_.arrived(peer, told, std::chrono::steady_clock::now());
      return {};
    }
    case ControlType::leads: {
      EXO_TRY(const wire::Leads told, wire::decode<wire::Leads>(payload));
      on_leads(told);
      return {};
    }
    default: break;
  }
  if (weights::WeightExchange::owns(type)) return exchange_->on_control(peer, type, payload);
  return {};  // of a later version
}

// --- what nodes tell each other about the cluster

void Node::Impl::on_info(wire::NodeInfo told) {
  const wire::NodeId node = told.self.node;
  const std::string own = told.self.name;
  const bool known = peers_->name_of(node) != node.short_text();
  if (!leader_ && known) return;  // the leader may call it otherwise
  if (leader_) leader_->joined(std::move(told));
  const std::string name = leader_ ? leader_->name_of(node) : own;
  if (peers_->name_of(node) != name) {
    peers_->set_name(node, name);
    note(std::format("node {} is here{}", name,
                     name == own ? "" : std::format("; there is another {}, so this one is called so", own)));
  }
  if (leader_) replan();
}

void Node::Impl::tell_info() {
  const wire::NodeInfo now = info();
  const bool same =
      std::ranges::equal(now.links, links_told_, [](const wire::LinkProfile& a, const wire::LinkProfile& b) {
        return a.to == b.to && alike(a.delay_s, b.delay_s) && alike(a.bytes_per_s, b.bytes_per_s);
      });
  if (same) return;
  links_told_ = now.links;
  for (const wire::NodeId peer : peers_->nodes()) (void)peers_->tell(peer, now);
  if (leader_) leader_->joined(now);
}

// A node follows the first that says that it leads, until that one is away.
bool Node::Impl::follows(wire::NodeId from) {
  if (leader_) return false;
  if (!leader_node_) leader_node_ = from;
  if (leader_node_ == from) return true;
  if (std::exchange(other_leader_, from) != from) {
    note(
        std::format("node {} leads, too; this node follows {}", peers_->name_of(from), peers_->name_of(*leader_node_)));
  }
  return false;
}

void Node::Impl::on_plan(wire::NodeId from, const wire::StagePlan& plan) {
  if (!follows(from)) return;
  if (stages_->plan() && plan.epoch <= stages_->plan()->epoch) return;
  ready_untold_.clear();
  busy_told_ = false;
  stages_->apply(plan);
}

void Node::Impl::on_stage_state(wire::NodeId from, const wire::StageState& state) {
  if (!leader_) return;
  if (state.phase == wire::StagePhase::waiting && state.failure) {
    const auto& plan = stages_->plan();
    const bool knows = plan && takes_part(*plan, from);
    if (knows && plan->epoch == state.epoch) {
      if (auto* driver = stages_->driver()) driver->fail_all(*state.failure);
      generations_->interrupt_all();
      leader_->broken(state.epoch, *state.failure,
                      state.lost ? std::optional(LinkFaults::pair(from, *state.lost)) : std::nullopt,
                      std::chrono::steady_clock::now());
    }
  } else {
    leader_->stage_changed(from, state);
  }
  replan();
}

void Node::Impl::on_cluster_state(wire::NodeId from, const wire::ClusterState& state) {
  if (!follows(from)) return;
  for (const wire::Member& member : state.members) {
    peers_->set_name(member.node, member.name);
    if (parts_.identity.node() < member.node) peers_->keep(member);
  }
  peers_->let_go_but(state.members);
  follow(state);
  const bool tells = std::ranges::contains(state.members, from, &wire::Member::node);
  if (std::exchange(leader_known_, tells) || !tells) return;
  for (const wire::NodeId peer : peers_->nodes()) tell_who_leads(peer);
}

// One that joined by way of this node knows nobody else.
void Node::Impl::tell_who_leads(wire::NodeId peer) {
  if (leader_ || !leader_known_ || peer == leader_node_) return;
  const auto leader = std::ranges::find(state_.members, *leader_node_, &wire::Member::node);
  if (leader != state_.members.end()) (void)peers_->tell(peer, wire::Leads{*leader});
}

void Node::Impl::on_leads(const wire::Leads& told) {
  if (!leader_ && !leader_node_) peers_->keep(told.leader);
}

// What this node does in any case with the state of the cluster.
void Node::Impl::follow(const wire::ClusterState& state) {
  const bool was = state_.serving;
  state_ = state;
  const auto& plan = stages_->plan();
  const bool ready = state.serving && plan && plan->epoch == state.epoch && encoder_ && encoder_epoch_ == state.epoch;
  if (ready) {
    generations_->serve({.model = plan->model, .epoch = plan->epoch, .context = plan->context, .encoder = encoder_});
  } else {
    Error why{ErrorCode::unavailable, state.serving ? "this node is getting the model's tokenizer" : state.why_not};
    if (state.serving && encoder_error_) why = *encoder_error_;
    generations_->stop_serving(why);
    if (was && !state.serving) generations_->interrupt_all();
    const bool no_plan = state.epoch == wire::PlanEpoch(0);
    if (no_plan) generations_->fail_interrupted(why);
  }
  publish();
}

void Node::Impl::report(const wire::StageState& state) {
  if (state.failure) note(state.failure->message);
  if (state.phase == wire::StagePhase::ready && !stage_connected(state.stage)) {
    if (ready_untold_.empty()) unconnected_since_ = std::chrono::steady_clock::now();
    ready_untold_.insert(state.stage);
    return;
  }
  if (leader_) {
    // Later: a new plan must not come in the middle of taking on the last.
    return post([this, state] { on_stage_state(parts_.identity.node(), state); });
  }
  if (leader_node_) (void)peers_->tell(*leader_node_, state);
}

// Told as a stage that is as before, but for this.
void Node::Impl::tell_broken(wire::PlanEpoch epoch, const Error& why, std::optional<wire::NodeId> lost) {
  report({.epoch = epoch, .stage = 0, .phase = wire::StagePhase::waiting, .failure = why, .lost = lost});
}

// The leader sees both nodes, and not that they do not see each other.
void Node::Impl::tell_unconnected() {
  if (ready_untold_.empty() || std::chrono::steady_clock::now() - unconnected_since_ < kConnectMax) return;
  const auto& plan = stages_->plan();
  if (!plan) return;
  const uint32_t stage = *ready_untold_.begin();
  const wire::NodeId next = plan->stages[(stage + 1) % plan->stages.size()].device.node;
  unconnected_since_ = std::chrono::steady_clock::now();
  tell_broken(plan->epoch,
              {ErrorCode::unavailable,
               std::format("node {} has no connection to node {}", options_.name, peers_->name_of(next))},
              next);
}

// The leader does not move a model while somebody is being answered.
void Node::Impl::tell_busy() {
  const auto* driver = stages_->driver();
  const bool busy = driver && !driver->scheduler().idle();
  if (leader_ || !leader_node_ || !driver || busy == std::exchange(busy_told_, busy)) return;
  (void)peers_->tell(
      *leader_node_,
      wire::StageState{.epoch = stages_->plan()->epoch, .stage = 0, .phase = wire::StagePhase::ready, .busy = busy});
}

// Whether what it computes can be sent on.
bool Node::Impl::stage_connected(uint32_t stage) {
  const auto& stages = stages_->plan()->stages;
  const wire::NodeId next = stages[(stage + 1) % stages.size()].device.node;
  return next == parts_.identity.node() || peers_->connected(next);
}

void Node::Impl::report_ready() {
  const auto& plan = stages_->plan();
  if (!plan) return ready_untold_.clear();
  for (const uint32_t stage : std::exchange(ready_untold_, {})) {
    report({.epoch = plan->epoch, .stage = stage, .phase = wire::StagePhase::ready});
  }
}

// One without the model's id is for this node alone; others are told when the file has been read.
void Node::Impl::tell_plan(wire::NodeId peer) {
  const auto& plan = leader_->current();
  if (plan && !plan->content.empty()) (void)peers_->tell(peer, *plan);
}

void Node::Impl::replan() {
  const auto* driver = stages_->driver();
  const bool idle = driver ? driver->scheduler().idle() : !leader_->busy();
  if (const auto plan = leader_->plan(idle, std::chrono::steady_clock::now())) {
    for (const wire::NodeId peer : peers_->nodes()) tell_plan(peer);
    ready_untold_.clear();
    stages_->apply(*plan);
  }
  const wire::ClusterState now = leader_->describe();
  if (now == state_) return;
  if (!now.serving && now.why_not != state_.why_not && !now.why_not.empty()) note(now.why_not);
  if (now.serving && !state_.serving) note(std::format("serving {}", stages_->plan()->model));
  for (const wire::NodeId peer : peers_->nodes()) (void)peers_->tell(peer, now);
  follow(now);
}

// --- weights

// Once for each file and not at each start: the cache remembers what a file is.
void Node::Impl::read_own_content() {
  const auto done = [this](Result<std::shared_ptr<const weights::Content>> content) {
    if (!content) return note(content.error().message);
    own_content_ = (*content)->id().text();
    exchange_->offer(*content);
    if (!leader_) return;
    leader_->set_content(own_content_);
    for (const wire::NodeId peer : peers_->nodes()) tell_plan(peer);
    replan();
  };
  measuring_.emplace(
      weights::Catalogue(options_.cache / "manifests"), parts_.file,
      [this](std::move_only_function<void()> task) { post(std::move(task)); },
      weights::Measuring::Calls{.on_progress = {}, .on_done = done});
}

void Node::Impl::fetch(const wire::StagePlan& plan, wire::LayerRange layers, std::function<void(Bytes, Bytes)> progress,
                       std::function<void(Result<SharedGguf>)> done) {
  fetching_ = {};
  if (parts_.file && (leader_ || plan.content == own_content_)) {
    return post([done = std::move(done), file = parts_.file] { done(file); });
  }
  const auto content = wire::ContentId::parse(plan.content);
  if (!content) {
    return post([done = std::move(done)] { done(fail(ErrorCode::corrupt, "the plan names no model")); });
  }
  fetching_ = exchange_->fetch(*content, {.layers = layers, .n_layers = plan.stages.back().layers.end},
                               {.on_progress = std::move(progress),
                                .on_done = [this, done](Result<std::shared_ptr<weights::PartialModel>> model) {
                                  if (!model) return done(std::unexpected(model.error()));
                                  auto kept = weights::Content::of_cache(*model);
                                  if (!kept) return done(std::unexpected(kept.error()));
                                  exchange_->offer(*kept);
                                  // The file is in use for as long as somebody has it.
                                  done(SharedGguf((*kept)->gguf().get(), [held = *kept](const model::Gguf*) {}));
                                }});
}

void Node::Impl::load_encoder(const wire::StagePlan& plan, SharedGguf file) {
  boost::asio::post(work_, [this, epoch = plan.epoch, file = std::move(file)] {
    auto encoder = PromptEncoder::load(*file);
    post([this, epoch, encoder = std::make_shared<Result<std::unique_ptr<PromptEncoder>>>(std::move(encoder))] {
      if (!*encoder) {
        encoder_error_ = encoder->error();
        return follow(wire::ClusterState(state_));
      }
      if (!stages_->plan() || stages_->plan()->epoch != epoch) return;
      encoder_ = std::move(**encoder);
      encoder_error_.reset();
      encoder_epoch_ = epoch;
      follow(wire::ClusterState(state_));
    });
  });
}

// --- requests

void Node::Impl::generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener,
                          std::stop_token cancel) {
  generations_->generate(std::move(request), std::move(listener), std::move(cancel));
}

// Only on the node of the first stage.
Result<pipeline::RequestId> Node::Impl::drive(wire::Generate wanted,
                                              std::function<void(const wire::Generated&)> heard) {
  auto* driver = stages_->driver();
  if (!driver || driver->over() || stages_->plan()->epoch != wanted.epoch) {
    return fail(kRingEnded, "the cluster has a new plan; ask again");
  }
  pipeline::Request request{.tokens = std::move(wanted.tokens),
                            .sampling = std::move(wanted.sampling),
                            .tokens_max = wanted.tokens_max,
                            .end_tokens = std::move(wanted.end_tokens)};
  return driver->generate(std::move(request),
                          [number = wanted.request, heard = std::move(heard)](const pipeline::Progress& progress) {
                            wire::Generated out{.request = number};
                            if (progress.token) out.tokens.push_back(*progress.token);
                            out.end = progress.end;
                            out.failure = progress.failure;
                            out.prompt_reused = progress.prompt_reused;
                            out.interrupted = progress.interrupted;
                            heard(out);
                          });
}

Result<void> Node::Impl::submit(wire::Generate wanted) {
  const auto& plan = stages_->plan();
  if (!plan) return fail(kRingEnded, "there is no plan");
  const wire::NodeId first = plan->stages.front().device.node;
  if (first != parts_.identity.node()) {
    auto told = peers_->tell(first, wanted);
    if (!told) told.error().code = kRingEnded;  // it is not the prompt that is too long
    return told;
  }
  const uint64_t number = wanted.request;
  EXO_TRY(const pipeline::RequestId id, drive(std::move(wanted), [this](const wire::Generated& message) {
            if (message.end || message.failure) driven_.erase({parts_.identity.node(), message.request});
            generations_->on_generated(message);
          }));
  driven_.emplace(std::pair(parts_.identity.node(), number), id);
  return {};
}

void Node::Impl::cancel(uint64_t request) {
  const auto found = driven_.find({parts_.identity.node(), request});
  if (found != driven_.end()) {
    if (auto* driver = stages_->driver()) driver->cancel(found->second);
    driven_.erase(found);
    return;
  }
  const auto& plan = stages_->plan();
  if (!plan || plan->stages.front().device.node == parts_.identity.node()) return;
  (void)peers_->tell(plan->stages.front().device.node, wire::CancelGenerate{.request = request});
}

void Node::Impl::on_generate(wire::NodeId from, wire::Generate wanted) {
  const uint64_t number = wanted.request;
  auto begun = drive(std::move(wanted), [this, from](const wire::Generated& message) {
    if (message.end || message.failure) driven_.erase({from, message.request});
    (void)peers_->tell(from, message);
  });
  if (begun) {
    driven_.insert_or_assign({from, number}, *begun);
    return;
  }
  wire::Generated refused{.request = number};
  refused.failure = begun.error();
  refused.interrupted = begun.error().code == kRingEnded;
  (void)peers_->tell(from, refused);
}

// --- for any thread

void Node::Impl::set_api(std::string host, uint16_t port) {
  post([this, host = std::move(host), port] {
    const wire::NodeInfo now = info();
    const std::string at = host.empty() ? now.self.addresses.front() : host;
    options_.api_url =
        std::format("http://{0}{1}{2}:{3}", at.contains(':') ? "[" : "", at, at.contains(':') ? "]" : "", port);
    const wire::NodeInfo told = info();
    for (const wire::NodeId peer : peers_->nodes()) (void)peers_->tell(peer, told);
    if (!leader_) return;
    leader_->joined(told);
    replan();
  });
}

void Node::Impl::publish() {
  std::string page = state_.page;
  if (page.empty()) page = nlohmann::json{{"serving", false}, {"reason", "no node leads this one"}}.dump();
  const std::lock_guard lock(mutex_);
  page_ = std::move(page);
}

std::vector<ModelEntry> Node::Impl::models() const {
  const auto serving = generations_->expected();
  if (!serving) return {};
  return {{.id = serving->model, .created = {}, .context_tokens = serving->context}};
}

Result<void> Node::Impl::ready() const {
  EXO_CHECK(generations_->serving());
  return {};
}

std::string Node::Impl::cluster_json() const {
  const std::lock_guard lock(mutex_);
  // All are objects that were written here; the others become part of the first.
  return page_.substr(0, page_.size() - 1) + R"(,"live":)" + live_ + R"(,"weights":)" + weights_ + "}";
}

}  // namespace exogpu::node
