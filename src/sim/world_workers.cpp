// The workers of a world, with fake devices.
#include <algorithm>
#include <format>

#include "cluster/fold.h"
#include "model/gguf.h"
#include "sim/world_node.h"

namespace exogpu::sim {

using namespace wire;
using worker::SharedGguf;

namespace {

// A GGUF file without metadata and tensors: what a fake device is given instead of weights.
SharedGguf fake_file() {
  static const std::array<std::byte, 24> bytes = [] {
    std::array<std::byte, 24> out{};
    const std::string_view magic = "GGUF";
    std::ranges::transform(magic, out.begin(), [](char c) { return static_cast<std::byte>(c); });
    out[4] = std::byte{3};  // the version
    return out;
  }();
  static const SharedGguf file = std::make_shared<const model::Gguf>(model::Gguf::parse(bytes, "fake.gguf").value());
  return file;
}

}  // namespace

void World::start_worker(uint32_t number) {
  SimNode& node = *nodes_[number];
  const auto later_here = [this, number](Duration wait, std::function<void()> what) {
    later(number, wait, std::move(what));
  };
  node.pacer = std::make_shared<pipeline::Pacer>();
  node.backend = std::make_unique<FakeBackend>(FakeBackendHost{
      .later = later_here,
      .bytes_of = [this, number](const worker::PartKey& key) { return bytes_of(number, key); },
      .on_memory =
          [this, number](Bytes used) {
            checks_.memory_used(nodes_[number]->current(number), "gpu0", used, nodes_[number]->memory);
          },
      .step_takes = [this, number](const LayerRange& layers,
                                   size_t rows) { return seconds(step_s(*nodes_[number], layers, rows)); },
      .on_step = [this, number](const pipeline::StageInput& input, size_t waiting) { on_step(number, input, waiting); },
      .pacer = node.pacer,
      .now = [this] { return now_; },
      .dice = &dice_,
      .model_layers = scenario_.layers,
      .recurrent = scenario_.recurrent,
      .failures = scenario_.faults.work / 10,
      .leaks = has(InjectedBug::memory_leaked),
      .ignores_truncate = has(InjectedBug::caches_not_truncated),
      .moves_no_rows = has(InjectedBug::rows_not_moved),
      .keeps_state = has(InjectedBug::state_not_restored)});
  node.workers = make_workers(number);
  node.frames = std::make_unique<pipeline::RingFrames>(
      [this, number](PlanEpoch epoch) { return nodes_[number]->workers->ring(epoch); });
}

std::unique_ptr<worker::ModelWorkers> World::make_workers(uint32_t number) {
  SimNode& node = *nodes_[number];
  return std::make_unique<worker::ModelWorkers>(
      node.id, std::format("n{}", number), *node.backend,
      worker::WorkerHost{
          .post =
              [this, number](std::move_only_function<void()> task) {
                later(number, {},
                      [task = std::make_shared<std::move_only_function<void()>>(std::move(task))] { (*task)(); });
              },
          .send = [this, number](NodeId to,
                                 net::Outgoing frame) { return send_frame(number, number_of(to), std::move(frame)); },
          .fetch = [this, number](const StagePlan&, LayerRange layers, const auto&,
                                  auto done) { fetch(number, layers, std::move(done)); },
          .on_file =
              [this, number](const StagePlan& plan, const SharedGguf&) {
                clients_of(number, plan.content).set_encoder();
                on_worker_changed(number);
              },
          .connected =
              [this, number](NodeId peer) {
                return peer == nodes_[number]->id || channel_[number * nodes_.size() + number_of(peer)] != 0;
              },
          .on_change = [this, number](const worker::WorkerChanges&) { on_worker_changed(number); },
          .on_broken = [this, number](const PlanEnded& broken) { plan_broken(number, broken); },
          .on_note = [this, number](const std::string& text) { trace(std::format("n{}: {}", number, text)); }});
}

// Like a node, it is notified of changes later, on its own thread.
void World::on_worker_changed(uint32_t number) {
  if (std::exchange(nodes_[number]->worker_due, true)) return;
  later(number, {}, [this, number] {
    nodes_[number]->worker_due = false;
    on_worker(number);
  });
}

void World::on_worker(uint32_t number) {
  SimNode& node = *nodes_[number];
  node.workers->tick(now_);
  bool took_on = false;
  for (const auto& [content, worker] : node.workers->all()) {
    if (options_.trace) {
      const cluster::Action& doing = worker->doing();
      trace(std::format("n{} {} {}: {}", number, to_string(doing.act), doing.stage, doing.why));
    }
    if (std::exchange(node.epochs[content], worker->epoch()) == worker->epoch()) continue;
    checks_.took_on(node.current(number), content, worker->epoch());
    took_on = true;
  }
  if (took_on && has(InjectedBug::epoch_reversed)) reverse_epoch(number);
  for (const auto& [content, worker] : node.workers->all()) {
    node.agent->set_stages(content, worker->epoch(), worker->stages(), now_);
  }
  set_condition(number, node.watch.reported());
  node.agent->set_busy(busy(number), now_);
  drive(number);
}

// A worker that has forgotten what it took on follows a state that is over.
void World::reverse_epoch(uint32_t number) {
  SimNode& node = *nodes_[number];
  const std::optional<ReplicatedState> before = node.state_before;
  const auto planned = [](const auto& model) { return model.second.plan.has_value(); };
  if (std::ranges::any_of(node.agent->state().models, planned)) node.state_before = node.agent->state();
  if (!before || tampered_) return;
  tampered_ = true;
  node.workers = make_workers(number);
  node.workers->follow(*before, true, now_);
}

void World::fetch(uint32_t number, const LayerRange& layers, std::function<void(Result<SharedGguf>)> done) {
  const bool headers = layers.size() == 0;
  later(number, seconds(dice_.between(0.01, 0.3)), [this, headers, done = std::move(done)] {
    if (!dice_.chance(scenario_.faults.work / 10)) return done(fake_file());
    const bool permanent = !headers && dice_.chance(0.1);
    done(fail(permanent ? ErrorCode::corrupt : ErrorCode::io_error, "fetching failed by chance"));
  });
}

Bytes World::bytes_of(uint32_t number, const worker::PartKey& key) {
  const auto& known = nodes_[number]->part_bytes;
  const auto found = known.find({key.content, key.layers.begin, key.layers.end});
  if (found != known.end()) return found->second;
  checks_.fail(std::format("n{} loads a part of no plan", number));
  return 0;
}

void World::on_step(uint32_t number, const pipeline::StageInput& input, size_t waiting) {
  const auto& only = input.step.replay;
  if (only && input.step.stage == only->begin) answer_checks_.replayed(input.step.rows());
  const worker::Worker* worker = nodes_[number]->workers->find(input.step.epoch);
  if (worker == nullptr) return;
  const size_t stages = worker->plan()->stages.size();
  const size_t most = pipeline::steps_in_flight_max(stages);
  if (waiting <= most) return;
  checks_.fail(std::format("stage {} at n{} has {} steps in its queue, and a ring of {} stages may have {} in flight",
                           input.step.stage, number, waiting, stages, most));
}

void World::plan_broken(uint32_t number, const PlanEnded& broken) {
  trace(std::format("n{}: the ring of {:x} is broken: {}", number, broken.epoch.value(), broken.reason));
  later(number, {}, [this, number, broken] {
    nodes_[number]->agent->plan_broken(broken, now_);
    drive(number);
  });
}

}  // namespace exogpu::sim
