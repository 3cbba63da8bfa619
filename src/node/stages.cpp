#include "node/stages.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <format>

#include "base/heap.h"
#include "gpu/host.h"
#include "node/warm_up.h"

namespace exogpu::node {
namespace {

// Of the host's memory: activations that are kept in case the stage behind is lost.
constexpr uint64_t kSentShare = 64;

}  // namespace

Stages::Stages(wire::NodeId self, std::string name, const gpu::Machine& machine, uint32_t threads,
               StagesSurroundings surroundings)
    : self_(self),
      name_(std::move(name)),
      machine_(&machine),
      threads_(threads),
      surroundings_(std::move(surroundings)),
      alive_(std::make_shared<Stages*>(this)) {}

Stages::~Stages() {
  alive_.reset();
  stop_.request_stop();
  driver_.reset();
  loader_.join();
}

Stages::Key Stages::key_of(const wire::StagePlan& plan, uint32_t stage) {
  return {.content = plan.content,
          .device = plan.stages[stage].device.device,
          .layers = plan.stages[stage].layers,
          .settings = plan.settings};
}

std::vector<uint32_t> Stages::own(const wire::StagePlan& plan) const {
  std::vector<uint32_t> indices;
  for (uint32_t i = 0; i < plan.stages.size(); ++i) {
    if (plan.stages[i].device.node == self_) indices.push_back(i);
  }
  return indices;
}

// What the task holds is freed on the loader's thread.
void Stages::on_loader(std::move_only_function<Result<void>(const std::stop_token&)> task, Done done) {
  stop_ = {};
  boost::asio::post(loader_, [this, alive = std::weak_ptr(alive_), job = ++job_, post = surroundings_.post,
                              stop = stop_.get_token(), task = std::move(task), done = std::move(done)]() mutable {
    auto how = std::make_shared<Result<void>>(task(stop));
    task = nullptr;
    give_back_freed_memory();
    post([this, alive, job, how, done = std::move(done)] {
      if (alive.lock() && job == job_) done(std::move(*how));
    });
  });
}

void Stages::free(PartList parts) {
  if (parts.empty()) return;
  boost::asio::post(loader_, [parts = std::move(parts)]() mutable {
    parts.clear();
    give_back_freed_memory();
  });
}

Stages::PartList Stages::all_parts() const {
  PartList all = kept_;
  for (const auto& [index, part] : parts_) all.push_back(part);
  return all;
}

// --- from plan to plan

void Stages::take_on(const wire::StagePlan& plan) {
  PartList all = all_parts();
  plan_ = plan;
  kept_.clear();
  parts_.clear();
  progress_.clear();
  for (const uint32_t index : own(plan)) {
    const auto found = std::ranges::find(all, key_of(plan, index), [](const auto& part) { return part->key; });
    if (found == all.end()) continue;
    parts_[index] = *found;
    all.erase(found);
  }
  free(std::move(all));
}

void Stages::adopt(const wire::StagePlan& plan, Done done) {
  take_apart({}, [this, plan, done = std::move(done)](Result<void> how) {
    take_on(plan);
    done(std::move(how));
  });
}

void Stages::unload(const wire::StagePlan* next, Done done) {
  std::vector<Key> wanted;
  if (next != nullptr) {
    for (const uint32_t index : own(*next)) wanted.push_back(key_of(*next, index));
  }
  PartList gone = all_parts();
  const auto stays =
      std::ranges::partition(gone, [&](const auto& part) { return !std::ranges::contains(wanted, part->key); });
  kept_.assign(stays.begin(), stays.end());
  gone.erase(stays.begin(), stays.end());
  take_apart(std::move(gone), std::move(done));
  parts_.clear();
  progress_.clear();
  plan_.reset();
}

// Puts the shards back from the ring to the parts. Its stages finish the step that they have under way, which may take
// a while.
void Stages::take_apart(PartList gone, Done done) {
  end_driver();
  if (ring_) ring_->retire();
  on_loader(
      [ring = std::move(ring_), parts = parts_,
       gone = std::move(gone)](const std::stop_token&) mutable -> Result<void> {
        if (!ring) return {};
        for (auto& [index, remains] : ring->end()) parts.at(index)->shard = std::move(remains);
        return {};
      },
      std::move(done));
}

// What the ring held is known here alone. The stages still hold what another ring left where none of its steps has
// begun.
void Stages::end_driver() {
  if (!driver_) return;
  auto held = driver_->scheduler().held();
  if (held.epoch == plan_->epoch) left_ = {.plan = *plan_, .held = std::move(held)};
  driver_.reset();
}

std::optional<pipeline::KeptTokens> Stages::kept() {
  if (!left_) return std::nullopt;
  const auto anew = pipeline::stages_anew(left_->plan, *plan_);
  if (!anew) return std::nullopt;
  return pipeline::KeptTokens{.held = left_->held, .anew = *anew};
}

void Stages::forget() { free(std::exchange(kept_, {})); }

void Stages::abandon() {
  ++fetch_;
  stop_.request_stop();
}

cluster::Progress Stages::reached(uint32_t stage) const {
  const auto part = parts_.find(stage);
  if (part == parts_.end()) return cluster::Progress::nothing;
  return part->second->shard ? cluster::Progress::loaded : cluster::Progress::fetched;
}

SharedGguf Stages::file(uint32_t stage) const {
  const auto part = parts_.find(stage);
  return part == parts_.end() ? nullptr : part->second->file;
}

// --- one stage

void Stages::fetch(uint32_t stage, Done done) {
  const uint64_t number = ++fetch_;
  const auto counts = [this, number, alive = std::weak_ptr(alive_)] { return alive.lock() && fetch_ == number; };
  surroundings_.fetch(
      *plan_, plan_->stages[stage].layers,
      [this, counts, stage](Bytes bytes, Bytes total) {
        if (!counts()) return;
        progress_[stage] = {.done = bytes, .total = total};
        surroundings_.on_progress();
      },
      [this, counts, stage, done = std::move(done)](Result<SharedGguf> file) {
        if (!counts()) return;
        progress_.erase(stage);
        if (!file) return done(std::unexpected(std::move(file).error()));
        const auto old = std::exchange(parts_[stage], std::make_shared<Part>(key_of(*plan_, stage), *std::move(file)));
        if (old) free({old});
        done({});
      });
}

// The node's thread leaves the part alone until it is done.
void Stages::load(uint32_t stage, Done done) {
  const auto device = machine_->find(plan_->stages[stage].device.device);
  if (!device) return done(std::unexpected(device.error()));
  auto progress = [this, stage, alive = std::weak_ptr(alive_), post = surroundings_.post,
                   last = std::chrono::steady_clock::now()](Bytes bytes, Bytes total) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::milliseconds(200)) return;
    last = now;
    post([this, stage, alive, bytes, total] {
      if (!alive.lock() || !progress_.contains(stage)) return;
      progress_[stage] = {.done = bytes, .total = total};
      surroundings_.on_progress();
    });
  };
  progress_[stage] = {};
  on_loader(
      [part = parts_.at(stage), device = *device, options = engine::ShardOptions::serving(plan_->settings, threads_),
       progress = std::move(progress)](const std::stop_token& stop) -> Result<void> {
        EXO_TRY(auto shard, engine::Shard::load(*part->file, part->key.layers, *device, options, progress, stop));
        part->shard.emplace(std::move(shard));
        part->warm = false;
        return {};
      },
      [this, stage, done = std::move(done)](Result<void> how) {
        progress_.erase(stage);
        if (how) ++loads_;
        done(std::move(how));
      });
}

void Stages::warm(uint32_t stage, const Done& done) {
  const auto ready = [this, done](Result<void> how) {
    const auto indices = own(*plan_);
    const bool all = std::ranges::all_of(indices, [&](uint32_t index) {
      const auto part = parts_.find(index);
      return part != parts_.end() && part->second->shard && part->second->warm;
    });
    if (how && all) assemble();
    done(std::move(how));
  };
  const auto part = parts_.at(stage);
  const auto device = machine_->find(part->key.device);
  if (!device) return done(std::unexpected(device.error()));
  if (part->warm) return ready({});
  on_loader(
      [part, device = *device](const std::stop_token& stop) -> Result<void> {
        EXO_CHECK(warm_up(part->shard->shard, device->info(), stop));
        if (stop.stop_requested()) return fail(ErrorCode::cancelled, "not wanted any more");
        part->warm = true;
        return {};
      },
      ready);
}

// --- the ring

// A discrete GPU computes a token in a millisecond or two, and draws so much that a waiting core does not count.
bool Stages::worth_busy_wait() const {
  constexpr uint32_t cores_min = 4;
  if (gpu::read_host_cpu().threads() < cores_min) return false;
  return std::ranges::any_of(own(*plan_), [&](uint32_t stage) {
    const auto device = machine_->find(plan_->stages[stage].device.device);
    return device && (*device)->info().kind == gpu::DeviceKind::discrete && !(*device)->info().software;
  });
}

void Stages::assemble() {
  const engine::Architecture& architecture = parts_.begin()->second->shard->shard.architecture();
  n_vocab_ = architecture.n_vocab;
  pipeline::RingOptions options{.epoch = plan_->epoch,
                                .self = self_,
                                .nodes = {},
                                .activation_width = architecture.d_model,
                                .batch_tokens = plan_->settings.batch_tokens,
                                .activations = plan_->settings.activations,
                                .sent_bytes_max = gpu::read_host_memory().total / kSentShare};
  for (const wire::PlannedStage& stage : plan_->stages) options.nodes.push_back(stage.device.node);
  if (surroundings_.busy_wait != nullptr) surroundings_.busy_wait->allow(worth_busy_wait());
  ring_ = std::make_unique<pipeline::Ring>(std::move(options),
                                           pipeline::RingSurroundings{.post = surroundings_.post,
                                                                      .send = surroundings_.send,
                                                                      .on_done =
                                                                          [this](const wire::StepDone& done) {
                                                                            if (driver_) driver_->on_done(done);
                                                                          },
                                                                      .on_broken = surroundings_.on_broken,
                                                                      .busy_wait = surroundings_.busy_wait});
  for (auto& [index, part] : parts_) {
    ring_->add(index, *std::exchange(part->shard, {}), std::format("{}/{}", name_, part->key.device));
  }
}

void Stages::serve() {
  if (driver_) return;
  pipeline::ScheduleOptions schedule{.stages = static_cast<uint32_t>(plan_->stages.size()),
                                     .sequences = plan_->settings.sequences,
                                     .context = plan_->settings.context,
                                     .batch_tokens = plan_->settings.batch_tokens,
                                     .n_vocab = n_vocab_};
  if (plan_->step_cost_tokens > 0) schedule.step_cost_tokens = plan_->step_cost_tokens;
  driver_ = std::make_unique<pipeline::Driver>(*ring_, schedule, kept());
}

void Stages::drain(const Error& why) {
  if (driver_) driver_->close(why);
}

}  // namespace exogpu::node
