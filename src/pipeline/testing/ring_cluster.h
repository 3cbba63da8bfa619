// Several nodes in one process, each with a stage of a tiny model, joined by channels over memory: the whole ring but
// for sockets.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <format>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/testing/tiny.h"
#include "net/mem/mem_network.h"
#include "pipeline/driver.h"
#include "pipeline/ring_frames.h"
#include "pipeline/shard_compute.h"
#include "pipeline/thread_executor.h"

namespace exogpu::pipeline::testing {

// Tasks of other threads, for the thread of the nodes.
class Tasks {
 public:
  using Task = std::move_only_function<void()>;
  void post(Task task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    wakes_.notify_one();
  }
  // Waits a little when there is none.
  void run() {
    std::deque<Task> tasks;
    {
      std::unique_lock lock(mutex_);
      wakes_.wait_for(lock, std::chrono::milliseconds(1), [&] { return !tasks_.empty(); });
      tasks.swap(tasks_);
    }
    for (Task& task : tasks) task();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<Task> tasks_;
};

// A node: its channels and its part of the ring.
class RingNode {
 public:
  // The handler of one channel.
  struct Link : net::ChannelHandler {
    RingNode* node = nullptr;
    std::unique_ptr<net::Channel> channel;
    wire::NodeId peer() const { return channel->peer().node; }
    std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader& header) override {
      return node->frames.receive_buffer(peer(), header);
    }
    void on_frame(const wire::FrameHeader& header, std::span<const std::byte> payload) override {
      const auto* control = std::get_if<wire::Control>(&header.of);
      if (control == nullptr) return node->frames.on_activation(peer(), header);
      const auto done = node->frames.on_control(peer(), control->type, payload);
      ASSERT_TRUE(done) << done.error().message;
    }
    void on_closed(const Error&) override {}
  };

  std::vector<std::unique_ptr<Link>> links;
  std::vector<Error> broken;
  std::unique_ptr<Ring> ring;
  RingFrames frames{[this](wire::PlanEpoch) { return ring.get(); }};
};

inline wire::NodeId id_of(size_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> id{};
  id.fill(static_cast<uint8_t>(number + 1));
  return wire::NodeId(id);
}

// What remains of the previous ring.
struct Before {
  wire::PlanEpoch epoch{3};  // of the ring that resumes it
  std::optional<ResumedTokens> resumed{};
  std::map<uint32_t, RetainedStage> stages{};
};

class RingCluster {
 public:
  // Cut before each layer of `cuts`, one node for each stage.
  RingCluster(const engine::testing::TinyFile& file, std::vector<uint32_t> cuts, engine::ShardOptions shard,
              ScheduleOptions schedule, wire::Dtype activations = wire::Dtype::f32, Before before = {})
      : network_(std::chrono::steady_clock::now()) {
    shard.threads = 1;
    auto whole = engine::testing::load_chain(file);
    const uint32_t n_layers = whole.architecture().n_layers;
    cuts.insert(cuts.begin(), 0);
    cuts.push_back(n_layers);
    const size_t count = cuts.size() - 1;
    RingOptions options{.epoch = before.epoch,
                        .self = {},
                        .nodes = {},
                        .activation_width = whole.architecture().activation_width(),
                        .batch_tokens = shard.batch_tokens,
                        .activations = activations};
    for (size_t i = 0; i < count; ++i) options.nodes.push_back(id_of(i));
    for (size_t i = 0; i < count; ++i) {
      options.self = id_of(i);
      auto node = std::make_unique<RingNode>();
      RingNode* at = node.get();
      node->ring = std::make_unique<Ring>(
          options, RingHost{.post = [this](Tasks::Task task) { tasks.post(std::move(task)); },
                            .send = [at](wire::NodeId to, net::Outgoing frame) -> Result<void> {
                              for (auto& link : at->links) {
                                if (link->peer() != to) continue;
                                auto sent = link->channel->send(std::move(frame));
                                if (!sent) return std::unexpected(sent.error());
                                return {};
                              }
                              return fail(ErrorCode::unavailable, "no channel to {}", to.short_text());
                            },
                            .on_done = [this](const wire::StepDone& done) { driver->on_done(done); },
                            .on_broken = [at](Error why) { at->broken.push_back(std::move(why)); },
                            .make_executor = [executors = std::make_shared<ThreadExecutors>()](
                                                 const ComputeInfo& info,
                                                 StepWork work) { return executors->make(info, std::move(work)); }});
      const auto index = static_cast<uint32_t>(i);
      auto remains = before.stages.extract(index);
      if (remains.empty()) {
        auto part = engine::Shard::load(file.gguf(), {cuts[i], cuts[i + 1]}, engine::testing::cpu(), shard);
        EXPECT_TRUE(part) << part.error().message;
        node->ring->add(index, {.compute = std::make_unique<ShardCompute>(*std::move(part))},
                        std::format("node{}/cpu0", i));
      } else {
        node->ring->add(index, std::move(remains.mapped()), std::format("node{}/cpu0", i));
      }
      EXPECT_TRUE(node->ring->complete());
      nodes.push_back(std::move(node));
    }
    for (size_t i = 0; i < count; ++i) {
      for (size_t k = i + 1; k < count; ++k) join(i, k);
    }
    schedule.stages = static_cast<uint32_t>(count);
    schedule.sequences = shard.sequences;
    schedule.context = shard.context;
    schedule.batch_tokens = shard.batch_tokens;
    schedule.n_vocab = whole.architecture().n_vocab;
    driver = std::make_unique<Driver>(*nodes.front()->ring, schedule, std::move(before.resumed));
  }

  void run_until(const std::function<bool()>& ready) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!ready()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << "nothing happens any more";
      step();
    }
  }
  void step() {
    network_.pump(std::chrono::steady_clock::now());
    tasks.run();
  }

  Tasks tasks;
  std::vector<std::unique_ptr<RingNode>> nodes;
  std::unique_ptr<Driver> driver;

 private:
  void join(size_t a, size_t b) {
    const auto end = [](size_t i) {
      net::MemEndOptions options;
      options.self.node = id_of(i);
      options.channel.silence_max = std::chrono::minutes(1);
      return options;
    };
    auto pair = network_.connect(end(a), end(b));
    ASSERT_TRUE(pair) << pair.error().message;
    const auto give = [&](RingNode& node, std::unique_ptr<net::Channel> channel) {
      auto link = std::make_unique<RingNode::Link>();
      link->node = &node;
      link->channel = std::move(channel);
      link->channel->start(*link);
      node.links.push_back(std::move(link));
    };
    give(*nodes[a], std::move(pair->a));
    give(*nodes[b], std::move(pair->b));
  }
  net::MemNetwork network_;
};

}  // namespace exogpu::pipeline::testing
