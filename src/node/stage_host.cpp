#include "node/stage_host.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <format>

#include "gpu/host.h"
#include "node/warm_up.h"

namespace exogpu::node {
namespace {

// So that drivers compile what they need before anybody waits for it, which takes some of them twenty seconds.
Result<engine::Shard> warmed(Result<engine::Shard> shard, const gpu::DeviceInfo& device, const std::stop_token& stop) {
  if (shard) EXO_CHECK(warm_up(*shard, device, stop));
  return shard;
}

}  // namespace

StageHost::StageHost(wire::NodeId self, std::string name, const gpu::Machine& machine, uint32_t threads,
                     StageHostSurroundings surroundings)
    : self_(self),
      name_(std::move(name)),
      machine_(&machine),
      threads_(threads),
      surroundings_(std::move(surroundings)),
      alive_(std::make_shared<StageHost*>(this)) {}

StageHost::~StageHost() {
  alive_.reset();
  loading_.request_stop();
  driver_.reset();
  loader_.join();
}

std::vector<uint32_t> StageHost::own_stages() const {
  std::vector<uint32_t> own;
  for (uint32_t i = 0; i < plan_->stages.size(); ++i) {
    if (plan_->stages[i].device.node == self_) own.push_back(i);
  }
  return own;
}

// A discrete GPU computes a token in a millisecond or two, and draws so much that a waiting core does not count.
bool StageHost::worth_busy_wait() const {
  constexpr uint32_t cores_min = 4;
  if (gpu::read_host_cpu().threads() < cores_min) return false;
  return std::ranges::any_of(own_stages(), [&](uint32_t stage) {
    const auto device = machine_->find(plan_->stages[stage].device.device);
    return device && (*device)->info().kind == gpu::DeviceKind::discrete && !(*device)->info().software;
  });
}

void StageHost::report(uint32_t stage, wire::StagePhase phase, Bytes done, Bytes total, std::optional<Error> failure) {
  surroundings_.on_state({.epoch = plan_->epoch,
                          .stage = stage,
                          .phase = phase,
                          .done = done,
                          .total = total,
                          .failure = std::move(failure)});
}

// The memory of a ring is given back on the loader's thread, which a step under way may hold up.
void StageHost::retire() {
  loading_.request_stop();
  driver_.reset();
  if (!ring_) return;
  ring_->retire();
  boost::asio::post(loader_, [ring = std::move(ring_), file = std::move(file_)]() mutable { ring.reset(); });
}

void StageHost::drop(const Error& why) {
  if (driver_) driver_->fail_all(why);
  retire();
  plan_.reset();
}

void StageHost::apply(const wire::StagePlan& plan) {
  if (plan_ && plan.epoch <= plan_->epoch) return;
  if (driver_) driver_->fail_all({ErrorCode::unavailable, "the cluster has a new plan; ask again"});
  retire();
  loading_ = {};
  plan_ = plan;
  const std::vector<uint32_t> own = own_stages();
  left_to_load_ = static_cast<uint32_t>(own.size());
  wire::LayerRange layers{};
  for (const uint32_t stage : own) {
    const wire::LayerRange& more = plan.stages[stage].layers;
    layers = stage == own.front() ? more : wire::LayerRange{layers.begin, more.end};
    report(stage, wire::StagePhase::fetching, 0, 0);
  }
  surroundings_.fetch(
      *plan_, layers,
      [this, own, epoch = plan.epoch](Bytes done, Bytes total) {
        if (!plan_ || plan_->epoch != epoch) return;
        for (const uint32_t stage : own) report(stage, wire::StagePhase::fetching, done, total);
      },
      [this, own, epoch = plan.epoch](Result<SharedGguf> file) {
        if (!plan_ || plan_->epoch != epoch) return;
        for (const uint32_t stage : own) {
          if (!file) report(stage, wire::StagePhase::failed, 0, 0, file.error());
        }
        if (!file) return;
        surroundings_.on_file(*plan_, *file);
        if (!own.empty()) load(*std::move(file));
      });
}

Result<engine::ShardOptions> StageHost::shard_options() const {
  engine::ShardOptions options;
  options.context = plan_->context;
  options.sequences = plan_->sequences;
  options.batch_tokens = plan_->batch_tokens;
  options.outputs = plan_->sequences;
  EXO_TRY(options.kv_type, engine::parse_kv_type(plan_->kv_type));
  if (plan_->flash_attention > static_cast<uint32_t>(engine::FlashAttention::off)) {
    return fail(ErrorCode::unsupported, "the plan asks for a kind of attention that is not known here");
  }
  options.flash_attention = static_cast<engine::FlashAttention>(plan_->flash_attention);
  options.threads = threads_;
  return options;
}

void StageHost::load(SharedGguf file) {
  file_ = std::move(file);
  const auto fail_all = [&](const Error& why) {
    for (const uint32_t stage : own_stages()) report(stage, wire::StagePhase::failed, 0, 0, why);
  };
  const auto architecture = engine::read_architecture(*file_);
  if (!architecture) return fail_all(architecture.error());
  const auto options = shard_options();
  if (!options) return fail_all(options.error());
  pipeline::RingOptions ring{.epoch = plan_->epoch,
                             .self = self_,
                             .nodes = {},
                             .activation_width = architecture->d_model,
                             .batch_tokens = plan_->batch_tokens,
                             .activations = plan_->activations};
  for (const wire::PlannedStage& stage : plan_->stages) ring.nodes.push_back(stage.device.node);
  surroundings_.busy_wait->allow(worth_busy_wait());
  ring_ = std::make_unique<pipeline::Ring>(
      std::move(ring),
      pipeline::RingSurroundings{.post = surroundings_.post,
                                 .send = surroundings_.send,
                                 .on_done =
                                     [this](const wire::StepDone& done) {
                                       if (driver_) driver_->on_done(done);
                                     },
                                 .on_broken = [this](const Error& why) { surroundings_.on_broken(plan_->epoch, why); },
                                 .busy_wait = surroundings_.busy_wait});
  for (const uint32_t index : own_stages()) {
    const wire::PlannedStage& stage = plan_->stages[index];
    report(index, wire::StagePhase::loading, 0, 0);
    const auto device = machine_->find(stage.device.device);
    if (!device) {
      report(index, wire::StagePhase::failed, 0, 0, device.error());
      continue;
    }
    boost::asio::post(loader_, [this, index, device = *device, layers = stage.layers, options = *options, file = file_,
                                epoch = plan_->epoch, alive = std::weak_ptr(alive_), post = surroundings_.post,
                                stop = loading_.get_token()] {
      if (stop.stop_requested()) return;
      auto last = std::chrono::steady_clock::now();
      const auto progress = [&](Bytes done, Bytes total) {
        const auto now = std::chrono::steady_clock::now();
        if (now - last < std::chrono::milliseconds(200)) return;
        last = now;
        post([this, alive, epoch, index, done, total] {
          if (!alive.lock() || !plan_ || plan_->epoch != epoch) return;
          report(index, wire::StagePhase::loading, done, total);
        });
      };
      auto shard = std::make_shared<Result<engine::Shard>>(
          warmed(engine::Shard::load(*file, layers, *device, options, progress, stop), device->info(), stop));
      post([this, alive, epoch, index, shard]() mutable {
        if (alive.lock() && plan_ && plan_->epoch == epoch) loaded(index, std::move(*shard));
      });
    });
  }
}

void StageHost::loaded(uint32_t stage, Result<engine::Shard> shard) {
  if (!shard) return report(stage, wire::StagePhase::failed, 0, 0, shard.error());
  const Bytes bytes = shard->memory().total();
  const uint32_t n_vocab = shard->architecture().n_vocab;
  ring_->add(stage, *std::move(shard), std::format("{}/{}", name_, plan_->stages[stage].device.device));
  if (--left_to_load_ == 0 && plan_->stages.front().device.node == self_) {
    pipeline::ScheduleOptions schedule{.stages = static_cast<uint32_t>(plan_->stages.size()),
                                       .sequences = plan_->sequences,
                                       .context = plan_->context,
                                       .batch_tokens = plan_->batch_tokens,
                                       .n_vocab = n_vocab};
    if (plan_->step_cost_tokens > 0) schedule.step_cost_tokens = plan_->step_cost_tokens;
    driver_ = std::make_unique<pipeline::Driver>(*ring_, schedule);
  }
  report(stage, wire::StagePhase::ready, bytes, bytes);
}

}  // namespace exogpu::node
