#include "node/worker.h"

#include <algorithm>
#include <format>

namespace exogpu::node {

using cluster::Act;
using cluster::Action;
using cluster::Progress;
using cluster::Time;

namespace {

// How long a stage waits for the next one's node to be connected; and where the link broke a moment ago and the node is
// still the same, so that both ends are there and call at once. What does not come then works one way only, or not at
// all, and an answer may be waiting.
constexpr std::chrono::seconds kConnectMax{5};
constexpr std::chrono::milliseconds kReconnectMax{250};
constexpr std::chrono::seconds kMoment{3};
// A ring that goes round brings a step sooner.
constexpr std::chrono::seconds kQuiet{2};
constexpr std::chrono::milliseconds kDrainedLook{100};

bool takes_part(const wire::StagePlan& plan, wire::NodeId node) {
  return std::ranges::any_of(plan.stages, [&](const wire::PlannedStage& stage) { return stage.device.node == node; });
}

// Whether trying again may help.
bool may_mend(ErrorCode code) {
  switch (code) {
    case ErrorCode::unavailable:
    case ErrorCode::deadline_exceeded:
    case ErrorCode::cancelled:
    case ErrorCode::io_error:
    case ErrorCode::internal: return true;
    default: return false;
  }
}

// Without the profiles of all nodes and the shape of the model.
wire::ReplicatedState what_matters(const wire::ReplicatedState& state, const cluster::Holding& holding) {
  wire::ReplicatedState out{.at = state.at,
                            .nodes = {},
                            .model = {},
                            .plan = state.plan,
                            .epoch_last = state.epoch_last,
                            .why_not = state.why_not};
  if (state.model) {
    out.model.emplace();
    out.model->model = state.model->model;
    out.model->content = state.model->content;
  }
  const auto add = [&](wire::NodeId id) {
    const auto node = state.nodes.find(id);
    if (node == state.nodes.end() || out.nodes.contains(id)) return;
    wire::NodeRecord& record = out.nodes[id];
    record.facts.info.self = node->second.facts.info.self;
    record.facts.incarnation = node->second.facts.incarnation;
    record.alive = node->second.alive;
    record.unfit = node->second.unfit;
  };
  add(holding.self);
  if (state.plan) {
    for (const wire::PlannedStage& stage : state.plan->made.plan.stages) add(stage.device.node);
  }
  if (holding.plan) {
    for (const wire::PlannedStage& stage : holding.plan->stages) add(stage.device.node);
  }
  return out;
}

// What others look at.
struct Seen {
  wire::PlanEpoch epoch;
  std::map<uint32_t, wire::StageStatus> stages;
  Act act;
  uint32_t stage;
  std::string why;
  const pipeline::Ring* ring;
  const pipeline::Driver* driver;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen seen(Worker& worker) {
  return {.epoch = worker.epoch(),
          .stages = worker.stages(),
          .act = worker.doing().act,
          .stage = worker.doing().stage,
          .why = worker.doing().why,
          .ring = worker.ring(),
          .driver = worker.driver()};
}

}  // namespace

Worker::Worker(wire::NodeId self, std::string name, const gpu::Machine& machine, uint32_t threads,
               WorkerSurroundings surroundings)
    : name_(name),
      surroundings_(std::move(surroundings)),
      alive_(std::make_shared<Worker*>(this)),
      stages_(self, std::move(name), machine, threads,
              {.post = surroundings_.post,
               .send = surroundings_.send,
               .fetch = surroundings_.fetch,
               .on_progress = [this] { changed(); },
               .on_broken =
                   [this](const Error& why) {
                     end_ring(why);
                     broken(holding_.epoch_last, why);
                   },
               .busy_wait = surroundings_.busy_wait}) {
  holding_.self = self;
}

Worker::~Worker() = default;

void Worker::changed() {
  if (!looking_ && !stopped_) surroundings_.on_change();
}

void Worker::follow(const wire::ReplicatedState& state, bool obeys, Time now) {
  state_ = what_matters(state, holding_);
  broken_told_ = {};  // the state still says otherwise, or again
  obeys_ = obeys;
  look(now);
}

void Worker::tick(Time now) { look(now); }

std::optional<Time> Worker::wake() const {
  if (stopped_) return std::nullopt;
  return ended_ || headers_.result ? Time::min() : wake_;
}

void Worker::wake_by(Time at) { wake_ = wake_ ? std::min(*wake_, at) : at; }

bool Worker::busy() const {
  const auto* driver = stages_.driver();
  return driver != nullptr && !driver->idle();
}

// Requests fail as interrupted. The ring itself stays until its stages are wanted for something else.
void Worker::end_ring(const Error& why) {
  ring_over_ = true;
  if (auto* driver = stages_.driver()) driver->fail_all(why);
}

void Worker::broken(wire::PlanEpoch epoch, const Error& why, std::optional<wire::NodeId> lost) {
  broken_told_ = epoch;
  surroundings_.on_broken(epoch, why, lost);
}

void Worker::link_lost(wire::NodeId peer, const Error& why, Time now) {
  if (stopped_) return;
  lost_[peer] = {.at = now, .incarnation = incarnation_of(peer)};
  if (holding_.plan && takes_part(*holding_.plan, peer)) {
    end_ring(why);
    broken(holding_.plan->epoch, why, peer);
  }
  look(now);
}

void Worker::stop(const Error& why) {
  if (std::exchange(stopped_, true)) return;
  end_ring(why);
  ++turn_;
  stages_.abandon();
  stages_.unload(nullptr, [](const Result<void>&) {});
  cluster::unload(holding_);
  holding_.acting = false;
  doing_ = {.act = Act::none, .why = why.message};
}

// --- what is to be done

void Worker::look(Time now) {
  look_again_ = true;
  if (stopped_ || std::exchange(looking_, true)) return;
  const Seen before = seen(*this);
  const Time wake_before = wake().value_or(Time::max());
  while (std::exchange(look_again_, false) && !stopped_) {
    wake_.reset();
    see_connection(now);
    if (ended_) record(now);
    if (holding_.acting) leave_off(now);
    if (!holding_.acting && perform(now)) look_again_ = true;
    if (holding_.acting) doing_ = acting_;
    see_headers(now);
    see_file();
  }
  looking_ = false;
  if (stopped_) return;
  if (wake().value_or(Time::max()) < wake_before || seen(*this) != before) surroundings_.on_change();
}

// Whether there may be more to do.
bool Worker::perform(Time now) {
  holding_.busy = steps_under_way(now);
  const Action action = cluster::next_action(state_, holding_, obeys_, now);
  doing_ = action;
  if (action.again) wake_by(*action.again);
  switch (action.act) {
    case Act::none:
      // A plan that has ended without another; its requests go on with the next.
      if (obeys_ && holding_.plan && !state_.plan && !holding_.draining_since && !ring_over_) {
        end_ring({ErrorCode::unavailable, action.why});
      }
      if (obeys_ && !holding_.plan) stages_.forget();
      return false;
    case Act::serve:
      stages_.serve();
      if (ring_over_ && broken_told_ != holding_.epoch_last) {
        broken(holding_.epoch_last, {ErrorCode::unavailable, "the ring has ended meanwhile"});
      }
      return false;
    case Act::refuse: broken(state_.plan->made.plan.epoch, {ErrorCode::unavailable, action.why}); return false;
    case Act::drain:
      holding_.draining_since = now;
      stages_.drain({ErrorCode::unavailable, action.why});
      return true;
    case Act::take_on: {
      const wire::StagePlan& plan = state_.plan->made.plan;
      cluster::take_on(holding_, plan);
      stages_.take_on(plan);
      for (auto& [index, stage] : holding_.stages) stage.progress = stages_.reached(index);
      ring_over_ = false;
      return true;
    }
    case Act::adopt:
    case Act::fetch:
    case Act::load:
    case Act::connect:
    case Act::warm:
    case Act::unload: begin(action, now); return true;
  }
  return false;
}

void Worker::begin(const Action& action, Time now) {
  acting_ = action;
  ended_.reset();
  left_off_ = false;
  holding_.acting = true;
  const auto done = [this, turn = ++turn_](Result<void> how) {
    if (turn != turn_) return;
    ended_ = std::move(how);
    changed();
  };
  const wire::StagePlan* plan = state_.plan ? &state_.plan->made.plan : nullptr;
  switch (action.act) {
    case Act::adopt:
      end_ring({ErrorCode::unavailable, "the cluster has a new plan; ask again"});
      cluster::adopt(holding_, *plan);
      return stages_.adopt(*plan, done);
    case Act::unload: end_ring({ErrorCode::unavailable, action.why}); return stages_.unload(plan, done);
    case Act::fetch:
      headers_ = {.call = headers_.call + 1};  // the call that gets them ends
      return stages_.fetch(action.stage, done);
    case Act::load: return stages_.load(action.stage, done);
    case Act::warm: return stages_.warm(action.stage, done);
    default: return connect(action.stage, now);
  }
}

void Worker::connect(uint32_t stage, Time now) {
  const auto& stages = holding_.plan->stages;
  const wire::NodeId to = stages[(stage + 1) % stages.size()].device.node;
  connecting_ = {.to = to, .until = now + (broke_just_now(to, now) ? kReconnectMax : kConnectMax)};
  see_connection(now);
}

uint64_t Worker::incarnation_of(wire::NodeId node) const {
  const auto known = state_.nodes.find(node);
  return known == state_.nodes.end() ? 0 : known->second.facts.incarnation;
}

bool Worker::broke_just_now(wire::NodeId node, Time now) const {
  const auto lost = lost_.find(node);
  return lost != lost_.end() && now < lost->second.at + kMoment && lost->second.incarnation == incarnation_of(node);
}

void Worker::see_connection(Time now) {
  if (!connecting_) return;
  const wire::NodeId to = connecting_->to;
  if (to == holding_.self || surroundings_.connected(to)) {
    connecting_.reset();
    ended_.emplace();
    return;
  }
  if (now < connecting_->until) return wake_by(connecting_->until);
  connecting_.reset();
  const auto node = state_.nodes.find(to);
  const Error why{ErrorCode::unavailable,
                  std::format("node {} has no connection to node {}", name_,
                              node == state_.nodes.end() ? to.short_text() : node->second.facts.info.self.name)};
  ended_ = std::unexpected(why);
  broken(holding_.plan->epoch, why, to);
}

// What is under way may not be wanted any more. The loader's thread cannot do another thing before it has ended it.
void Worker::leave_off(Time now) {
  holding_.acting = false;
  const Act next = cluster::next_action(state_, holding_, obeys_, now).act;
  holding_.acting = true;
  const bool away = next == Act::unload || next == Act::drain;
  if (acting_.act == Act::fetch || acting_.act == Act::connect) {
    if (!away && next != Act::adopt) return;
    ++turn_;
    stages_.abandon();
    connecting_.reset();
    holding_.acting = false;
  } else if ((acting_.act == Act::load || acting_.act == Act::warm) && away && !std::exchange(left_off_, true)) {
    stages_.abandon();
  }
}

// How the last thing went.
void Worker::record(Time now) {
  const Result<void> how = *std::exchange(ended_, std::nullopt);
  holding_.acting = false;
  switch (acting_.act) {
    case Act::unload:
      cluster::unload(holding_);
      ring_over_ = false;
      return;
    case Act::adopt:
      for (auto& [index, stage] : holding_.stages) stage.progress = std::min(stage.progress, stages_.reached(index));
      ring_over_ = false;
      return;
    default: break;
  }
  cluster::HeldStage& stage = holding_.stages.at(acting_.stage);
  if (how) {
    stage.failures = 0;
    stage.failure.clear();
    stage.progress = static_cast<Progress>(static_cast<uint8_t>(stage.progress) + 1);
    if (acting_.act == Act::fetch) {
      file_ = stages_.file(acting_.stage);
      file_content_ = holding_.plan->content;
    }
    return;
  }
  if (left_off_) return;
  const ErrorCode code = how.error().code;
  std::string failure = how.error().message;
  if (acting_.act != Act::connect) {
    failure = std::format("{}/{}: {}", name_, holding_.plan->stages[acting_.stage].device.device, failure);
  }
  ++stage.failures;
  stage.failed_at = now;
  if (acting_.act == Act::fetch && (code == ErrorCode::not_found || code == ErrorCode::unavailable)) {
    // Nobody who has it is here, which is no fault of the device and may change at any time.
    stage.failures = std::min(stage.failures, cluster::kFailuresMax - 1);
  } else {
    stage.hopeless = !may_mend(code);
  }
  if (std::exchange(stage.failure, failure) != failure) surroundings_.on_note(failure);
}

// A node that has not the first stage sees of requests only the steps that they cause.
bool Worker::steps_under_way(Time now) {
  const auto* ring = stages_.ring();
  if (ring == nullptr) steps_seen_ = 0;
  if (ring_over_ || ring == nullptr) return false;
  if (stages_.driver() != nullptr) {
    if (holding_.draining_since) wake_by(now + kDrainedLook);
    return busy();
  }
  if (ring->steps_begun() != steps_seen_) {
    steps_seen_ = ring->steps_begun();
    steps_seen_at_ = now;
  }
  wake_by(now + kQuiet / 2);
  return steps_seen_ > 0 && now < steps_seen_at_ + kQuiet;
}

// --- the model's headers

// A node without a part needs them, too: it answers requests.
void Worker::see_headers(Time now) {
  if (headers_.result) {
    Result<SharedGguf> file = *std::exchange(headers_.result, std::nullopt);
    headers_.fetching = false;
    if (file) {
      file_ = *std::move(file);
      file_content_ = headers_.content;
      headers_ = {.call = headers_.call};
    } else {
      ++headers_.failures;
      headers_.failed_at = now;
      headers_.hopeless = !may_mend(file.error().code);
      surroundings_.on_note(file.error().message);
    }
  }
  if (obeys_ && !holding_.plan && !(state_.model && state_.model->content == file_content_)) file_.reset();
  if (!obeys_ || !state_.plan || holding_.plan || holding_.acting) return;
  const wire::StagePlan& plan = state_.plan->made.plan;
  if (takes_part(plan, holding_.self) || (file_ && file_content_ == plan.content)) return;
  if (headers_.content != plan.content) headers_ = {.content = plan.content, .call = headers_.call};
  if (headers_.fetching || headers_.hopeless) return;
  if (const Time next = headers_.failed_at + cluster::back_off(headers_.failures);
      headers_.failures > 0 && now < next) {
    return wake_by(next);
  }
  headers_.fetching = true;
  surroundings_.fetch(
      plan, {}, [](Bytes, Bytes) {},
      [this, call = ++headers_.call, alive = std::weak_ptr(alive_)](Result<SharedGguf> file) {
        if (!alive.lock() || call != headers_.call) return;
        headers_.result = std::move(file);
        changed();
      });
}

void Worker::see_file() {
  const wire::StagePlan* plan = holding_.plan ? &*holding_.plan : nullptr;
  if (obeys_ && state_.plan) plan = &state_.plan->made.plan;
  if (plan == nullptr || !file_ || file_content_ != plan->content || file_told_ == plan->epoch) return;
  file_told_ = plan->epoch;
  surroundings_.on_file(wire::StagePlan(*plan), file_);
}

}  // namespace exogpu::node
