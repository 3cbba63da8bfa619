// Workers in one process, with the state of a cluster that they follow and report to, and frames that are passed
// directly from one to the other.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <format>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/testing/examples.h"
#include "engine/testing/tiny.h"
#include "node/shard_backend.h"
#include "pipeline/testing/ring_cluster.h"
#include "worker/worker.h"

namespace exogpu::node::testing {

using worker::SharedGguf;
using worker::Worker;
using worker::WorkerChanges;
using worker::WorkerHost;

using cluster::testing::add;
using cluster::testing::example_id;
using cluster::testing::only;

inline const gpu::Machine& machine() {
  static const gpu::Machine machine = gpu::Machine::discover({.backend = "cpu"}).value();
  return machine;
}

struct ReceivedAnswer {
  std::vector<wire::TokenId> tokens;
  std::optional<wire::GenerateEnd> end;
  std::optional<Error> failure;
  bool interrupted = false;
  bool over() const { return end || failure; }
};

struct WorkerNode {
  wire::NodeId id;
  bool connected = true;              // with all others
  std::vector<Error> fetch_failures;  // of the next calls
  bool fetch_waits = false;
  std::function<void()> fetched;  // what waits
  SharedGguf file;
  // What was observed.
  std::vector<wire::LayerRange> fetches;
  std::vector<wire::PlanEpoch> files_reported;
  std::vector<wire::PlanEnded> broken;
  std::vector<std::string> notes;
  std::vector<std::string> acts;  // in flight, or why there was none
  bool changed = false;
  std::unique_ptr<ShardBackend> backend;
  pipeline::RingFrames frames{[this](wire::PlanEpoch) { return worker->ring(); }};
  std::unique_ptr<Worker> worker;  // last: it calls the above

  void on_change() {
    changed = true;
    const cluster::Action& doing = worker->doing();
    const std::string doing_text =
        doing.act == cluster::Act::none ? doing.why : std::format("{} {}", cluster::to_string(doing.act), doing.stage);
    if (acts.empty() || acts.back() != doing_text) acts.push_back(doing_text);
  }
};

class WorkerCluster {
 public:
  // Nodes 1, 2, ..., each with this file.
  WorkerCluster(size_t count, const SharedGguf& file) {
    for (size_t i = 0; i < count; ++i) {
      auto node = std::make_unique<WorkerNode>();
      WorkerNode* at = node.get();
      at->id = example_id(static_cast<uint8_t>(i + 1));
      at->file = file;
      add(state, wire::NodeReported{cluster::testing::example_facts(static_cast<uint8_t>(i + 1))});
      at->backend = std::make_unique<ShardBackend>(
          machine(), 1, [this](pipeline::testing::Tasks::Task task) { tasks.post(std::move(task)); }, nullptr);
      at->worker = std::make_unique<Worker>(
          at->id, std::format("n{}", i + 1), "abc", wire::PlanEpoch(), *at->backend,
          WorkerHost{
              .post = [this](pipeline::testing::Tasks::Task task) { tasks.post(std::move(task)); },
              .send = [this, at](wire::NodeId to, net::Outgoing frame) { return send(*at, to, std::move(frame)); },
              .fetch = [this, at](const wire::StagePlan&, wire::LayerRange layers, const auto&,
                                  auto done) { fetch(*at, layers, std::move(done)); },
              .on_file =
                  [at](const wire::StagePlan& plan, const SharedGguf& loaded) {
                    EXPECT_TRUE(loaded);
                    at->files_reported.push_back(plan.epoch);
                  },
              .connected = [this, at](wire::NodeId to) { return at->connected && find(to).connected; },
              .on_change = [at](const WorkerChanges&) { at->on_change(); },
              .on_broken = [at](const wire::PlanEnded& broken) { at->broken.push_back(broken); },
              .on_note = [at](const std::string& note) { at->notes.push_back(note); }});
      nodes.push_back(std::move(node));
    }
  }

  WorkerNode& find(wire::NodeId id) {
    for (auto& node : nodes) {
      if (node->id == id) return *node;
    }
    throw std::runtime_error("no such node");
  }
  Worker& worker(size_t i) { return *nodes.at(i)->worker; }
  pipeline::Driver& driver() { return *nodes.front()->worker->driver(); }

  // Layers up to each of `ends`, on the CPU of each of `owners`.
  wire::StagePlan example_plan(std::vector<uint32_t> ends, std::vector<size_t> owners) {
    wire::StagePlan plan{
        .epoch = wire::PlanEpoch(state.epoch_last.value() + 1),
        .model = "tiny",
        .content = "abc",
        .stages = {},
        .settings = {.context = 512, .sequences = 2, .batch_tokens = 64, .kv_type = wire::KvType::f32}};
    for (uint32_t begin = 0, i = 0; i < ends.size(); begin = ends[i], ++i) {
      plan.stages.push_back(
          {.device = {.node = nodes.at(owners.at(i))->id, .device = "cpu"}, .layers = {begin, ends[i]}});
    }
    return plan;
  }
  void set(const wire::StagePlan& plan) {
    wire::ServedModel model;
    model.model = plan.model;
    model.content = plan.content;
    add(state, wire::ModelSet{model});
    add(state, wire::PlanMade{.plan = plan, .stage_bytes = std::vector<Bytes>(plan.stages.size(), 1), .predicted = {}});
    report_state();
  }
  void report_state() {
    for (auto& node : nodes) node->worker->follow(state, obeyed, now());
  }

  cluster::Time now() const { return std::chrono::steady_clock::now() + later; }
  void step() {
    tasks.run();
    bool news = false;
    for (auto& node : nodes) {
      if (const auto wake = node->worker->wake(); wake && *wake <= now()) node->worker->tick(now());
      if (!std::exchange(node->changed, false)) continue;
      for (const auto& [stage, status] : node->worker->stages()) {
        const wire::StageReported report{
            .epoch = node->worker->epoch(), .stage = stage, .phase = status.phase, .failure = status.failure};
        if (!cluster::changes(state, report)) continue;
        add(state, report);
        news = true;
      }
    }
    if (news) report_state();
  }
  void run_until(const std::function<bool()>& ready) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!ready()) {
      if (std::chrono::steady_clock::now() > until) {
        std::string all;
        for (auto& node : nodes) all += node->worker->doing().why + "; ";
        FAIL() << "nothing happens any more: " << all;
      }
      step();
    }
  }
  void run_for(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    run_until([&] { return std::chrono::steady_clock::now() >= until; });
  }
  bool serves() { return cluster::serving(state) && nodes.front()->worker->driver() != nullptr; }
  void run_until_served() {
    run_until([&] { return serves(); });
  }

  Result<pipeline::RequestId> ask(std::vector<wire::TokenId> tokens, uint32_t count, ReceivedAnswer& received) {
    pipeline::Request request{.tokens = std::move(tokens), .sampling = {}, .tokens_max = count, .end_tokens = {}};
    request.sampling.temperature = 0;
    return driver().generate(std::move(request), [&received](const pipeline::TokenEvent& event) {
      EXPECT_FALSE(received.over()) << "an event after the end";
      if (event.token) received.tokens.push_back(event.token->token);
      received.end = event.end;
      received.failure = event.failure;
      received.interrupted = event.interrupted;
    });
  }
  // A short answer.
  std::vector<wire::TokenId> answer() {
    ReceivedAnswer received;
    EXPECT_TRUE(ask(engine::testing::tokens_of(100, 64), 20, received));
    run_until([&] { return received.over(); });
    EXPECT_FALSE(received.failure) << received.failure->message;
    return received.tokens;
  }

  pipeline::testing::Tasks tasks;
  wire::ReplicatedState state;
  bool obeyed = true;
  cluster::Duration later{};  // how far the time was put forward
  std::vector<std::unique_ptr<WorkerNode>> nodes;

 private:
  void fetch(WorkerNode& node, wire::LayerRange layers, std::function<void(Result<SharedGguf>)> done) {
    node.fetches.push_back(layers);
    Result<SharedGguf> result = node.file;
    if (!node.fetch_failures.empty()) {
      result = std::unexpected(node.fetch_failures.front());
      node.fetch_failures.erase(node.fetch_failures.begin());
    }
    node.fetched = [this, done = std::move(done), result = std::move(result)] {
      tasks.post([done, result] { done(result); });
    };
    if (!node.fetch_waits) std::exchange(node.fetched, {})();
  }

  Result<void> send(WorkerNode& from, wire::NodeId to, net::Outgoing frame) {
    if (!from.connected || !find(to).connected) {
      return fail(ErrorCode::unavailable, "no channel to {}", to.short_text());
    }
    wire::ByteVector bytes;
    for (const auto& part : frame.payload) bytes.insert(bytes.end(), part.begin(), part.end());
    frame.header.payload_bytes = static_cast<uint32_t>(bytes.size());
    tasks.post([this, id = from.id, to, header = frame.header, bytes = std::move(bytes)] {
      receive(find(to), id, header, bytes);
    });
    return {};
  }
  void receive(WorkerNode& node, wire::NodeId from, const wire::FrameHeader& header, const wire::ByteVector& payload) {
    if (std::holds_alternative<wire::Activation>(header.of)) {
      const auto memory = node.frames.receive_buffer(from, header);
      if (!memory) return;
      std::ranges::copy(payload, memory->begin());
      return node.frames.on_activation(from, header);
    }
    const auto done = node.frames.on_control(from, std::get<wire::Control>(header.of).type, payload);
    EXPECT_TRUE(done) << done.error().message;
  }
};

}  // namespace exogpu::node::testing
