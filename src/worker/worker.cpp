#include "worker/worker.h"

#include <algorithm>
#include <format>

#include "base/assert.h"
#include "worker/relevant_state.h"

namespace exogpu::worker {

using cluster::Act;
using cluster::Action;
using cluster::StageReadiness;
using cluster::Time;

namespace {

// A working ring completes a step sooner.
constexpr std::chrono::seconds kQuiet{2};
constexpr std::chrono::milliseconds kDrainedLook{100};

}  // namespace

Worker::Worker(wire::NodeId self, std::string name, std::string content, wire::PlanEpoch epoch_last,
               StageBackend& backend, WorkerHost host)
    : name_(name),
      host_(std::move(host)),
      content_(std::move(content)),
      headers_(fetch_host("")),
      replacement_(fetch_host("looking for another copy of a file that was changed: ")),
      stages_(self, std::move(name), backend, stages_host()) {
  local_plan_.self = self;
  local_plan_.epoch_last = epoch_last;
}

Worker::~Worker() = default;

RetriedFetchHost Worker::fetch_host(std::string about) {
  return {.fetch = host_.fetch,
          .on_result =
              [this] {
                changes_.due = true;
                report();
              },
          .note = [this, about = std::move(about)](const std::string& text) { host_.on_note(about + text); }};
}

StagesHost Worker::stages_host() {
  return {.post = host_.post,
          .send = host_.send,
          .fetch = host_.fetch,
          .on_progress =
              [this] {
                changes_.progress = true;
                report();
              },
          .on_ring_changed =
              [this] {
                changes_.ring = true;
                report();
              },
          .on_broken =
              [this](const Error& why) {
                end_ring(why);
                broken(local_plan_.epoch_last, why);
              },
          .make_recorder = host_.make_recorder};
}

// While it decides, changes are gathered.
void Worker::report() {
  if (advancing_ || stopped_ || !changes_.any()) return;
  host_.on_change(std::exchange(changes_, {}));
}

void Worker::set_doing(const Action& action) {
  changes_.activity |= doing_.act != action.act || doing_.stage != action.stage || doing_.why != action.why;
  doing_ = action;
}

void Worker::follow(const wire::ReplicatedState& state, bool obeys, Time now) {
  state_ = relevant_state(state, content_, local_plan_);
  broken_reported_ = {};  // the new state may still have the broken plan
  obeys_ = obeys;
  // The previous state may have been that of a replaced leader, with a plan for which this one was drained.
  if (obeys && state_.plan && local_plan_.plan == state_.plan->made.plan) local_plan_.draining_since.reset();
  advance(now);
}

void Worker::tick(Time now) { advance(now); }

void Worker::set_memory_needed(bool needed, Time now) {
  if (std::exchange(local_plan_.memory_needed, needed) != needed) advance(now);
}

bool Worker::holds_more() const {
  return local_plan_.plan && (!state_.plan || state_.plan->made.plan != *local_plan_.plan);
}

std::optional<Time> Worker::wake() const {
  if (stopped_) return std::nullopt;
  return ended_ || headers_.due() || replacement_.due() ? Time::min() : wake_;
}

void Worker::wake_by(Time at) { wake_ = wake_ ? std::min(*wake_, at) : at; }

bool Worker::busy() const {
  const auto* driver = stages_.driver();
  return driver != nullptr && !driver->idle();
}

// Requests fail as interrupted. The ring itself stays until its stages are needed for something else.
void Worker::end_ring(const Error& why) {
  ring_over_ = true;
  if (auto* driver = stages_.driver()) driver->fail_all(why);
}

void Worker::broken(wire::PlanEpoch epoch, const Error& why, std::optional<wire::NodeId> lost) {
  broken_reported_ = epoch;
  const auto link = lost ? std::optional(wire::pair_of(local_plan_.self, *lost)) : std::nullopt;
  host_.on_broken({.content = content_, .epoch = epoch, .reason = why.message, .link = link});
}

void Worker::link_lost(wire::NodeId peer, const Error& why, Time now) {
  if (stopped_) return;
  lost_[peer] = {.at = now, .incarnation = incarnation_of(peer)};
  if (local_plan_.plan && takes_part(*local_plan_.plan, peer)) {
    end_ring(why);
    broken(local_plan_.plan->epoch, why, peer);
  }
  advance(now);
}

void Worker::stop(const Error& why) {
  if (std::exchange(stopped_, true)) return;
  end_ring(why);
  ++action_number_;
  stages_.abandon();
  stages_.unload(nullptr, [](const Result<void>&) {});
  cluster::unload(local_plan_);
  local_plan_.acting = false;
  doing_ = {.act = Act::none, .why = why.message};
}

// --- what is to be done

void Worker::advance(Time now) {
  again_ = true;
  if (stopped_ || std::exchange(advancing_, true)) return;
  const Time wake_before = wake().value_or(Time::max());
  while (std::exchange(again_, false) && !stopped_) {
    wake_.reset();
    check_connection(now);
    if (ended_) record(now);
    if (local_plan_.acting) abandon_if_obsolete(now);
    if (!local_plan_.acting && perform(now)) again_ = true;
    if (local_plan_.acting) set_doing(acting_);
    check_headers(now);
    check_files(now);
    report_file();
  }
  advancing_ = false;
  if (stopped_) return;
  changes_.due = wake().value_or(Time::max()) < wake_before;
  report();
}

// Whether there may be more to do.
bool Worker::perform(Time now) {
  local_plan_.busy = steps_in_flight(now);
  Action action = cluster::next_action(state_, local_plan_, obeys_, now);
  waits_for_memory_ = action.act == Act::load && host_.may_load && !host_.may_load();
  if (waits_for_memory_) action = {.act = Act::none, .why = "waiting for memory that another model is leaving"};
  set_doing(action);
  if (action.retry_at) wake_by(*action.retry_at);
  switch (action.act) {
    case Act::none: wait_for_plan(action.why); return false;
    case Act::serve: serve(); return false;
    case Act::refuse: broken(planned().epoch, {ErrorCode::unavailable, action.why}); return false;
    case Act::drain:
      local_plan_.draining_since = now;
      stages_.drain({ErrorCode::unavailable, action.why});
      return true;
    case Act::accept_plan: accept_plan(); return true;
    case Act::adopt:
    case Act::fetch:
    case Act::load:
    case Act::connect:
    case Act::warm:
    case Act::unload: begin(action, now); return true;
  }
  return false;
}

// A plan may have ended without another; its requests continue with the next.
void Worker::wait_for_plan(const std::string& why) {
  if (!obeys_) return;
  if (!local_plan_.plan) return stages_.forget();
  if (!state_.plan && !local_plan_.draining_since && !ring_over_) end_ring({ErrorCode::unavailable, why});
}

void Worker::serve() {
  stages_.serve();
  if (ring_over_ && broken_reported_ != local_plan_.epoch_last) {
    broken(local_plan_.epoch_last, {ErrorCode::unavailable, "the ring has ended meanwhile"});
  }
}

const wire::StagePlan& Worker::planned() const {
  EXO_ASSERT(state_.plan, "an action that follows a plan has one");
  return state_.plan->made.plan;
}

void Worker::accept_plan() {
  const wire::StagePlan& plan = planned();
  cluster::accept_plan(local_plan_, plan);
  for (const auto& [index, progress] : stages_.accept_plan(plan)) local_plan_.stages.at(index).progress = progress;
  ring_over_ = false;
  changes_.stages = true;
}

void Worker::on_ended(uint64_t number, Ended ended) {
  if (number != action_number_) return;
  ended_ = std::move(ended);
  changes_.due = true;
  report();
}

void Worker::begin(const Action& action, Time now) {
  acting_ = action;
  ended_.reset();
  abandoned_ = false;
  local_plan_.acting = true;
  const uint64_t number = ++action_number_;
  const auto done = [this, number](Result<void> how) { on_ended(number, {.how = std::move(how)}); };
  switch (action.act) {
    case Act::adopt:
      end_ring({ErrorCode::unavailable, "the cluster has a new plan; ask again"});
      cluster::adopt(local_plan_, planned());
      changes_.stages = true;
      return stages_.adopt(planned(),
                           [this, number](Reached reached) { on_ended(number, {.reached = std::move(reached)}); });
    case Act::unload:
      end_ring({ErrorCode::unavailable, action.why});
      return stages_.unload(state_.plan ? &planned() : nullptr, done);
    case Act::fetch:
      headers_.fetch_replaced();
      replacement_.cancel();
      return stages_.fetch(action.stage, [this, number](Result<SharedGguf> file) {
        if (!file) return on_ended(number, {.how = std::unexpected(std::move(file).error())});
        on_ended(number, {.file = *std::move(file)});
      });
    case Act::load: return stages_.load(action.stage, done);
    case Act::warm: return stages_.warm(action.stage, done);
    case Act::connect: return connect(action.stage, now);
    case Act::none:
    case Act::accept_plan:
    case Act::serve:
    case Act::drain:
    case Act::refuse: EXO_ASSERT(false, "an action that ends at once is not begun");
  }
}

// The action in progress may be obsolete. The backend cannot do another thing before it has ended it.
void Worker::abandon_if_obsolete(Time now) {
  local_plan_.acting = false;
  const Act next = cluster::next_action(state_, local_plan_, obeys_, now).act;
  local_plan_.acting = true;
  const bool away = next == Act::unload || next == Act::drain;
  if (acting_.act == Act::fetch || acting_.act == Act::connect) {
    if (!away && next != Act::adopt) return;
    ++action_number_;
    stages_.abandon();
    connecting_.reset();
    local_plan_.acting = false;
  } else if ((acting_.act == Act::load || acting_.act == Act::warm) && away && !std::exchange(abandoned_, true)) {
    stages_.abandon();
  }
}

// A node without the first stage notices requests only by the steps that they cause. Where the first stage is, its
// requests may wait for steps that are never done, since other stages have accepted another plan.
bool Worker::steps_in_flight(Time now) {
  const auto* ring = stages_.ring();
  if (ring == nullptr) steps_counted_ = 0;
  if (ring_over_ || ring == nullptr) return false;
  if (ring->steps_begun() != steps_counted_) {
    steps_counted_ = ring->steps_begun();
    steps_counted_at_ = now;
  }
  if (stages_.driver() != nullptr) {
    if (local_plan_.draining_since) wake_by(now + kDrainedLook);
    return busy() && now < steps_counted_at_ + kQuiet;
  }
  wake_by(now + kQuiet / 2);
  return steps_counted_ > 0 && now < steps_counted_at_ + kQuiet;
}

// --- the model's headers

void Worker::check_headers(Time now) {
  headers_.record(now);
  if (obeys_ && !local_plan_.plan && !(state_.model && state_.model->content == headers_.content())) headers_.forget();
  if (!obeys_ || !state_.plan || local_plan_.plan || local_plan_.acting) return;
  const wire::StagePlan& plan = state_.plan->made.plan;
  if (takes_part(plan, local_plan_.self)) return;
  if (const auto again = headers_.fetch(plan, now)) wake_by(*again);
}

void Worker::report_file() {
  const wire::StagePlan* plan = local_plan_.plan ? &*local_plan_.plan : nullptr;
  if (obeys_ && state_.plan) plan = &state_.plan->made.plan;
  if (plan == nullptr || file_reported_ == plan->epoch) return;
  const SharedGguf file = headers_.file(plan->content);
  if (!file) return;
  file_reported_ = plan->epoch;
  host_.on_file(wire::StagePlan(*plan), file);
}

}  // namespace exogpu::worker
