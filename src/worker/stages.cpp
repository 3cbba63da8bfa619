#include "worker/stages.h"

#include <algorithm>
#include <format>
#include <random>

#include "base/assert.h"
#include "model/gguf.h"

namespace exogpu::worker {
namespace {

PartKey key_of(const wire::StagePlan& plan, uint32_t stage) {
  return {.content = plan.content,
          .device = plan.stages[stage].device.device,
          .layers = plan.stages[stage].layers,
          .settings = plan.settings,
          .weight_budget = plan.stages[stage].weight_budget};
}

std::vector<uint32_t> own_stages(const wire::StagePlan& plan, wire::NodeId self) {
  std::vector<uint32_t> indices;
  for (uint32_t i = 0; i < plan.stages.size(); ++i) {
    if (plan.stages[i].device.node == self) indices.push_back(i);
  }
  return indices;
}

uint64_t random_secret() {
  std::random_device entropy;
  return uint64_t{entropy()} << 32 | entropy();
}

}  // namespace

Result<void> Part::check() const {
  if (!reads_file || !file) return {};
  return file->check();
}

bool Part::lost() const { return stage && stage->compute->lost(); }

Stages::Stages(wire::NodeId self, std::string name, StageBackend& backend, StagesHost host)
    : self_(self),
      name_(std::move(name)),
      backend_(backend),
      host_(std::move(host)),
      alive_(std::make_shared<Stages*>(this)) {}

Stages::~Stages() {
  alive_.reset();
  stop_.request_stop();
  driver_.reset();
}

// For a call of the backend; what was stopped before does not concern it.
Stages::Done Stages::newest(Done done) {
  stop_ = {};
  return [this, alive = std::weak_ptr(alive_), job = ++job_, done = std::move(done)](Result<void> how) {
    if (alive.lock() && job == job_) done(std::move(how));
  };
}

void Stages::free(PartList parts) {
  if (!parts.empty()) backend_.free(std::move(parts));
}

PartList Stages::all_parts() const {
  PartList all = retained_;
  for (const auto& [index, part] : parts_) all.push_back(part);
  return all;
}

Reached Stages::reached() const {
  Reached reached;
  for (const uint32_t index : own_stages(*plan_, self_)) {
    const auto part = parts_.find(index);
    reached[index] = part == parts_.end()  ? cluster::StageReadiness::nothing
                     : part->second->stage ? cluster::StageReadiness::loaded
                                           : cluster::StageReadiness::fetched;
  }
  return reached;
}

Result<void> Stages::check(uint32_t stage) const {
  const auto part = parts_.find(stage);
  if (part == parts_.end()) return {};
  return part->second->check();
}

bool Stages::reads_files() const {
  return std::ranges::any_of(parts_, [](const auto& part) { return part.second->reads_file && part.second->file; });
}

// --- from plan to plan

Reached Stages::accept_plan(const wire::StagePlan& plan) {
  PartList all = all_parts();
  plan_ = plan;
  retained_.clear();
  parts_.clear();
  progress_.clear();
  for (const uint32_t index : own_stages(plan, self_)) {
    const PartKey key = key_of(plan, index);
    const auto found =
        std::ranges::find_if(all, [&](const auto& part) { return part->key == key && part->check() && !part->lost(); });
    if (found == all.end()) continue;
    parts_[index] = *found;
    all.erase(found);
  }
  free(std::move(all));
  return reached();
}

void Stages::adopt(const wire::StagePlan& plan, std::function<void(Reached)> done) {
  disassemble({}, [this, plan, done = std::move(done)](const Result<void>&) { done(accept_plan(plan)); });
}

void Stages::unload(const wire::StagePlan* next, Done done) {
  std::vector<PartKey> needed;
  if (next != nullptr) {
    for (const uint32_t index : own_stages(*next, self_)) needed.push_back(key_of(*next, index));
  }
  PartList unneeded = all_parts();
  const auto stays =
      std::ranges::partition(unneeded, [&](const auto& part) { return !std::ranges::contains(needed, part->key); });
  retained_.assign(stays.begin(), stays.end());
  unneeded.erase(stays.begin(), stays.end());
  disassemble(std::move(unneeded), std::move(done));
  parts_.clear();
  progress_.clear();
  plan_.reset();
}

// Puts the stages back from the ring to the parts. They finish the step that they have in progress, which may take a
// while.
void Stages::disassemble(PartList unneeded, Done done) {
  end_driver();
  if (ring_) ring_->retire();
  backend_.disassemble(std::move(ring_), parts_, std::move(unneeded), newest(std::move(done)));
  host_.on_ring_changed();
}

// Only this node knows the resident tokens of the ring. If no step of it has begun, the stages still have those of the
// previous ring.
void Stages::end_driver() {
  if (!driver_) return;
  EXO_ASSERT(plan_, "a ring that is driven has a plan");
  auto resident = driver_->scheduler().resident();
  if (resident.epoch == plan_->epoch) previous_ = {.plan = *plan_, .resident = std::move(resident)};
  driver_.reset();
}

std::optional<pipeline::ResumedTokens> Stages::resumed() const {
  if (!previous_) return std::nullopt;
  const auto fresh = pipeline::fresh_stages(previous_->plan, *plan_);
  if (!fresh) return std::nullopt;
  return pipeline::ResumedTokens{.resident = previous_->resident, .fresh_stages = *fresh};
}

void Stages::forget() { free(std::exchange(retained_, {})); }

void Stages::abandon() {
  ++fetch_;
  stop_.request_stop();
}

// --- one stage

void Stages::fetch(uint32_t stage, std::function<void(Result<SharedGguf>)> done) {
  const uint64_t number = ++fetch_;
  const auto counts = [this, number, alive = std::weak_ptr(alive_)] { return alive.lock() && fetch_ == number; };
  host_.fetch(
      *plan_, plan_->stages[stage].layers,
      [this, counts, stage](Bytes bytes, Bytes total) {
        if (!counts()) return;
        progress_[stage] = {.done = bytes, .total = total};
        host_.on_progress();
      },
      [this, counts, stage, done = std::move(done)](Result<SharedGguf> file) {
        if (!counts()) return;
        progress_.erase(stage);
        if (!file) return done(std::move(file));
        const auto old = std::exchange(parts_[stage], std::make_shared<Part>(key_of(*plan_, stage), *file));
        if (old) free({old});
        done(std::move(file));
      });
}

void Stages::load(uint32_t stage, Done done) {
  progress_[stage] = {};
  auto progress = [this, stage, alive = std::weak_ptr(alive_)](Bytes bytes, Bytes total) {
    if (!alive.lock() || !progress_.contains(stage)) return;
    progress_[stage] = {.done = bytes, .total = total};
    host_.on_progress();
  };
  Done loaded = newest([this, stage, done = std::move(done)](Result<void> how) {
    progress_.erase(stage);
    if (how) ++loads_;
    done(std::move(how));
  });
  backend_.load(parts_.at(stage), std::move(progress), stop_.get_token(), std::move(loaded));
}

bool Stages::all_warm() const {
  return std::ranges::all_of(own_stages(*plan_, self_), [&](uint32_t index) {
    const auto part = parts_.find(index);
    return part != parts_.end() && part->second->stage && part->second->warm;
  });
}

void Stages::warm(uint32_t stage, const Done& done) {
  const auto ready = [this, done](Result<void> how) {
    if (how && all_warm()) assemble();
    done(std::move(how));
  };
  const auto part = parts_.at(stage);
  if (part->warm) return ready({});
  Done warmed = newest(ready);
  backend_.warm(part, stop_.get_token(), std::move(warmed));
}

// --- the ring

void Stages::assemble() {
  EXO_ASSERT(all_warm() && !parts_.empty(), "a ring is assembled of stages that are warm");
  const pipeline::ComputeInfo& info = parts_.begin()->second->stage->compute->info();
  vocabulary_ = info.vocabulary;
  embeds_ = info.embeds;
  whole_texts_ = info.whole_texts;
  pipeline::RingOptions options{.epoch = plan_->epoch,
                                .self = self_,
                                .nodes = {},
                                .activation_width = info.activation_width,
                                .batch_tokens = plan_->settings.batch_tokens,
                                .activations = plan_->settings.activations,
                                .sent_bytes_max = backend_.sent_bytes_max(),
                                .sketch_secret = random_secret()};
  for (const wire::PlannedStage& stage : plan_->stages) options.nodes.push_back(stage.device.node);
  std::vector<std::string> devices;
  for (const auto& [index, part] : parts_) devices.push_back(part->key.device);
  const auto on_done = [this](const wire::StepDone& done) {
    if (driver_) driver_->on_done(done);
  };
  ring_ = std::make_unique<pipeline::Ring>(std::move(options),
                                           pipeline::RingHost{.post = host_.post,
                                                              .send = host_.send,
                                                              .on_done = on_done,
                                                              .on_broken = host_.on_broken,
                                                              .make_executor = backend_.executors(devices)});
  for (auto& [index, part] : parts_) {
    ring_->add(index, *std::move(part->stage), std::format("{}/{}", name_, part->key.device));
    part->stage.reset();
  }
  host_.on_ring_changed();
}

void Stages::serve() {
  if (driver_) return driver_->reopen();
  EXO_ASSERT(ring_ && ring_->complete(), "a ring that serves has all its stages");
  pipeline::ScheduleOptions schedule{.stages = static_cast<uint32_t>(plan_->stages.size()),
                                     .sequences = plan_->settings.sequences,
                                     .context = plan_->settings.context,
                                     .pool_tokens = plan_->settings.pool_tokens,
                                     .private_prefixes = plan_->settings.private_prefixes,
                                     .batch_tokens = plan_->settings.batch_tokens,
                                     .n_vocab = vocabulary_,
                                     .embeds = embeds_,
                                     .whole_texts = whole_texts_};
  if (plan_->step_cost_tokens > 0) schedule.step_cost_tokens = plan_->step_cost_tokens;
  driver_ = std::make_unique<pipeline::Driver>(*ring_, schedule, resumed());
  if (host_.make_recorder) driver_->record(host_.make_recorder(*plan_));
  host_.on_ring_changed();
}

void Stages::drain(const Error& why) {
  if (driver_) driver_->close(why);
}

}  // namespace exogpu::worker
