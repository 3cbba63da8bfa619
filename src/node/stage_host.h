// This node's part of the plan in force: gets the weights of its stages, loads them, and runs the ring.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "node/stages.h"

namespace exogpu::node {

struct StageHostSurroundings {
  // Runs a task on the node's thread, later; from any thread.
  std::function<void(std::move_only_function<void()>)> post;
  std::function<Result<void>(wire::NodeId, net::Outgoing)> send;
  FetchModel fetch;
  // The model's headers are here.
  std::function<void(const wire::StagePlan& plan, SharedGguf file)> on_file;
  // A stage of this node has changed.
  std::function<void(const wire::StageState&)> on_state;
  // The ring of this epoch can do no more.
  std::function<void(wire::PlanEpoch, const Error&)> on_broken;
  // Allowed here where the devices of the plan are worth it.
  BusyWait* busy_wait = nullptr;
};

// All calls on the node's thread.
class StageHost {
 public:
  StageHost(wire::NodeId self, std::string name, const gpu::Machine& machine, uint32_t threads,
            StageHostSurroundings surroundings);
  ~StageHost();

  // Takes on a plan; one with a lower epoch than the last is passed over. What was under way ends with an error.
  void apply(const wire::StagePlan& plan);
  // Ends the plan in force; its memory is free soon after. `why` is told to what is under way.
  void drop(const Error& why);

  const std::optional<wire::StagePlan>& plan() const { return plan_; }
  pipeline::Ring* ring() { return ring_.get(); }
  // On the node of the first stage, once its stages are loaded.
  pipeline::Driver* driver() { return driver_.get(); }

 private:
  void load(SharedGguf file);
  void loaded(uint32_t stage, Result<engine::Shard> shard);
  void report(uint32_t stage, wire::StagePhase phase, Bytes done, Bytes total, std::optional<Error> failure = {});
  std::vector<uint32_t> own_stages() const;
  bool worth_busy_wait() const;
  void retire();
  Result<engine::ShardOptions> shard_options() const;

  wire::NodeId self_;
  std::string name_;
  const gpu::Machine* machine_;
  uint32_t threads_;
  StageHostSurroundings surroundings_;
  std::optional<wire::StagePlan> plan_;
  SharedGguf file_;
  std::unique_ptr<pipeline::Ring> ring_;
  std::unique_ptr<pipeline::Driver> driver_;
  uint32_t left_to_load_ = 0;
  std::stop_source loading_;  // of the plan in force
  std::shared_ptr<StageHost*> alive_;
  boost::asio::thread_pool loader_{1};  // loading and unloading, which take their time
};

}  // namespace exogpu::node
