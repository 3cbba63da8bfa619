// A node's part in its cluster: what the agent says is sent, what others say it hears, and what is so is done.
#include <algorithm>
#include <chrono>
#include <format>

#include "cluster/fold.h"
#include "cluster/names.h"
#include "node/node_impl.h"
#include "node/self_facts.h"
#include "node/term_file.h"

namespace exogpu::node {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using wire::ControlType;

namespace {

constexpr milliseconds kModelAgain{2000};

// For a master to make a new plan when one has ended; requests wait so long in any case.
constexpr milliseconds kPlanMax{600};

// Heartbeats and the like must not wait behind activations; what may be long, or tells a plan, may.
net::Lane lane_of(const cluster::Message& message) {
  const bool is_long = std::holds_alternative<wire::LogEntries>(message) ||
                       std::holds_alternative<wire::LogSnapshot>(message) ||
                       std::holds_alternative<wire::LogProposal>(message);
  return is_long ? net::Lane::ordered : net::Lane::urgent;
}

}  // namespace

wire::Member Node::Impl::member() const {
  const std::string& host = options_.listen.host;
  const bool everywhere = host.empty() || host == "::" || host == "0.0.0.0";
  wire::Member self{.node = parts_.identity.node(),
                    .name = options_.name,
                    .addresses = everywhere ? own_addresses() : std::vector{host},
                    .link_port = port_,
                    .api_url = options_.api_url};
  if (options_.advertise) {
    self.addresses = {options_.advertise->host};
    self.link_port = options_.advertise->port;
  }
  return self;
}

wire::NodeFacts Node::Impl::facts() const {
  const auto up = std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - started_);
  return {.info = {.self = member(), .devices = parts_.devices, .links = {}},
          .version = wire::own_versions().program,
          .incarnation = incarnation_,
          .fitness = fitness_of(up)};
}

// --- the agent

template <typename Message>
static Result<void> hear(cluster::Agent& agent, wire::NodeId peer, std::span<const std::byte> payload) {
  EXO_TRY(const Message message, wire::decode<Message>(payload));
  agent.receive(peer, cluster::Message(message), steady_clock::now());
  return {};
}

bool Node::Impl::agent_heard(wire::NodeId peer, ControlType type, std::span<const std::byte> payload,
                             Result<void>& how) {
  switch (type) {
    case ControlType::greeting: how = hear<wire::Greeting>(*agent_, peer, payload); break;
    case ControlType::heartbeat: how = hear<wire::Heartbeat>(*agent_, peer, payload); break;
    case ControlType::heartbeat_ack: how = hear<wire::HeartbeatAck>(*agent_, peer, payload); break;
    case ControlType::link_ping: how = hear<wire::LinkPing>(*agent_, peer, payload); break;
    case ControlType::log_entries: how = hear<wire::LogEntries>(*agent_, peer, payload); break;
    case ControlType::log_snapshot: how = hear<wire::LogSnapshot>(*agent_, peer, payload); break;
    case ControlType::log_proposal: how = hear<wire::LogProposal>(*agent_, peer, payload); break;
    default: return false;
  }
  pump();
  return true;
}

void Node::Impl::send(const std::vector<cluster::Send>& sends) {
  std::map<const cluster::Message*, std::shared_ptr<const wire::ByteVector>> encoded;
  for (const cluster::Send& each : sends) {
    auto& bytes = encoded[each.message.get()];
    ControlType type{};
    std::visit([&](const auto& message) { type = message.kType; }, *each.message);
    if (!bytes) {
      bytes = std::visit(
          [](const auto& message) { return std::make_shared<const wire::ByteVector>(wire::encode(message)); },
          *each.message);
    }
    net::Outgoing frame;
    frame.header.of = wire::Control{type};
    frame.lane = lane_of(*each.message);
    frame.payload = {*bytes};
    frame.owner = bytes;
    (void)peers_->send(each.to, std::move(frame));  // it says again what was not heard
  }
}

void Node::Impl::pump() {
  const cluster::Output out = agent_->take();
  if (out.keep_counter) {
    if (auto kept = keep_counter(options_.state, *out.keep_counter); !kept) note(kept.error().message);
  }
  send(out.sends);
  for (const std::string& why : out.given_up) note(why);
  if (agent_->master() != master_) on_master();
  if (out.state_changed) on_state();
  set_timer();
}

void Node::Impl::set_timer() {
  cluster::Time next = agent_->wake();
  if (const auto worker = worker_->wake()) next = std::min(next, *worker);
  if (const auto due = status_->due()) next = std::min(next, *due);
  cluster_timer_.expires_at(next);
  cluster_timer_.async_wait([this](const boost::system::error_code& stopped) {
    if (stopped) return;
    const auto now = steady_clock::now();
    agent_->tick(now);
    worker_->tick(now);
    see_plan();
    status_->update(now);
    pump();
  });
}

// --- what is so

void Node::Impl::on_master() {
  master_ = agent_->master();
  if (master_) {
    note(*master_ == parts_.identity.node() ? "this node leads"
                                            : std::format("node {} leads", peers_->name_of(*master_)));
    for (const wire::NodeId peer : peers_->connected_nodes()) tell_who_leads(peer);
  }
  worker_->follow(agent_->state(), master_.has_value(), steady_clock::now());
  status_->set_changed();
}

void Node::Impl::on_state() {
  const wire::ReplicatedState& state = agent_->state();
  const auto names = cluster::names_of(state);
  std::vector<wire::Member> here;
  for (const auto& [id, node] : state.nodes) {
    wire::Member member = node.facts.info.self;
    member.name = names.at(id);
    // Of two, the one with the smaller id calls; but when it is started anew it may not know where the others are.
    if (!node.alive) {
      if (callers_.erase(id) > 0) peers_->keep(member);
      continue;
    }
    peers_->set_name(id, member.name);
    if (parts_.identity.node() < id) {
      peers_->keep(member);
    } else {
      peers_->leave_calling(id);
      callers_.insert(id);
    }
    here.push_back(std::move(member));
  }
  peers_->let_go_but(here);
  note_changes(state);
  worker_->follow(state, master_.has_value(), steady_clock::now());
  set_model();
  see_plan();
  status_->set_changed();
  status_->update(steady_clock::now());
}

void Node::Impl::note_changes(const wire::ReplicatedState& state) {
  for (const auto& [id, node] : state.nodes) {
    bool& was = here_[id];
    if (std::exchange(was, node.alive) == node.alive || id == parts_.identity.node()) continue;
    const std::string name = cluster::name_of(state, id);
    const std::string& own = node.facts.info.self.name;
    if (!node.alive) {
      note(std::format("node {} is away: {}", name, node.why_away));
    } else {
      note(std::format("node {} is here{}", name,
                       name == own ? "" : std::format("; there is another {}, so this one is called so", own)));
    }
  }
}

// A model that this node was given is what the cluster serves, until somebody wants another. Under another master the
// state may be one that has never heard of it.
void Node::Impl::set_model() {
  if (!parts_.served || own_content_.empty() || !master_ || model_overruled_) return;
  const auto& model = agent_->state().model;
  if (model == parts_.served) {
    model_taken_in_ = agent_->term();
    return;
  }
  model_overruled_ = model && model_taken_in_ == agent_->term();
  if (model_overruled_) return;
  const auto now = steady_clock::now();
  if (now < model_told_at_ + kModelAgain) return;
  model_told_at_ = now;
  post([this] {
    agent_->command(wire::ModelSet{parts_.served}, steady_clock::now());
    pump();
  });
}

std::optional<wire::NodeId> Node::Impl::first_node() const {
  const auto& plan = agent_->state().plan;
  if (!plan) return std::nullopt;
  return plan->made.plan.stages.front().device.node;
}

// Whether requests are taken, and by which ring.
void Node::Impl::see_plan() {
  const wire::ReplicatedState& state = agent_->state();
  const auto now = steady_clock::now();
  const wire::StagePlan* plan = state.plan ? &state.plan->made.plan : nullptr;
  // Not by a plan for another model than the one wanted, which lasts for a moment.
  const bool wanted = plan && state.model && state.model->content == plan->content;
  const bool ready = wanted && cluster::serving(state) && encoder_ && encoder_content_ == plan->content;
  std::string why = not_serving_reason(state, status_->reports());
  if (plan) planless_since_.reset();
  if (ready) {
    const bool anew = std::exchange(serving_, plan->epoch) != plan->epoch;
    if (!anew) return;
    if (!noted_.empty() || why.empty()) note(std::format("serving {}", plan->model));
    noted_.clear();
    return generations_->serve(
        {.model = plan->model, .epoch = plan->epoch, .context = plan->settings.context, .encoder = encoder_});
  }
  if (why.empty()) {
    why = encoder_error_ ? encoder_error_->message : "this node is getting the model's tokenizer";
  }
  generations_->stop_serving({ErrorCode::unavailable, why});
  if (serving_.has_value()) generations_->interrupt_all();
  serving_.reset();
  if (plan) return;
  if (std::exchange(noted_, why) != why) note(why);
  if (!planless_since_) planless_since_ = now;
  const auto waited = std::chrono::duration_cast<milliseconds>(now - *planless_since_) - kPlanMax;
  if (waited >= milliseconds(0)) generations_->fail_interrupted({ErrorCode::unavailable, why}, waited);
}

// --- this node's part

// Answers that this node was asked for count, too: between two rings no stage has to do with them.
bool Node::Impl::busy() const { return worker_->busy() || generations_->busy(); }

void Node::Impl::on_worker() {
  const auto now = steady_clock::now();
  worker_->tick(now);
  agent_->set_stages(worker_->epoch(), worker_->stages(), now);
  tell_condition();
  agent_->set_busy(busy());
  pump();
}

void Node::Impl::tell_progress() {
  StageReports reports;
  if (worker_->plan()) {
    for (const auto& [stage, held] : worker_->holding().stages) {
      wire::StageProgress report{.epoch = worker_->epoch(), .stage = stage, .doing = worker_->doing().why};
      const auto found = worker_->progress().find(stage);
      if (found != worker_->progress().end()) {
        report.done = found->second.done;
        report.total = found->second.total;
      }
      reports.emplace(stage, std::move(report));
    }
  }
  status_->set_own_reports(std::move(reports));
}

// --- who leads, for one that joined by way of this node and knows nobody else

void Node::Impl::tell_who_leads(wire::NodeId peer) {
  if (!master_ || *master_ == parts_.identity.node() || *master_ == peer) return;
  const auto& nodes = agent_->state().nodes;
  const auto leader = nodes.find(*master_);
  const auto known = nodes.find(peer);
  if (leader == nodes.end() || (known != nodes.end() && known->second.alive)) return;
  (void)peers_->send_message(peer, wire::Leads{leader->second.facts.info.self});
}

}  // namespace exogpu::node
