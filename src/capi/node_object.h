// A node of a cluster in this process.
#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <stop_token>

#include "api/server.h"
#include "base/mutex.h"
#include "capi/handles.h"
#include "cluster/condition.h"
#include "exogpu/exogpu.h"
#include "node/node.h"

namespace exogpu::capi {

// Readings that the program hands in; shared with the node, which takes them when it reads its sensors.
class OutsideReadings {
 public:
  void set(const exogpu_sensor_input& input) EXO_EXCLUDES(mutex_);
  void apply(cluster::SensorReadings& readings) const EXO_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  bool given_ EXO_GUARDED_BY(mutex_) = false;
  exogpu_sensor_input input_ EXO_GUARDED_BY(mutex_){};
};

// A node that runs, and its API. Calls that use it keep it alive.
class RunningNode {
 public:
  RunningNode(std::unique_ptr<node::Node> node, std::unique_ptr<api::Server> server)
      : node_(std::move(node)), server_(std::move(server)) {}
  ~RunningNode();
  RunningNode(const RunningNode&) = delete;
  RunningNode& operator=(const RunningNode&) = delete;

  node::Node& node() { return *node_; }
  uint16_t api_port() const { return server_ ? server_->port() : 0; }
  // Asked to stop when the node is to end: calls that wait then return.
  std::stop_token ending() const { return ending_.get_token(); }
  void end() { ending_.request_stop(); }
  // Is ready once the node has ended.
  std::shared_future<void> ended() const { return ended_; }

 private:
  std::stop_source ending_;
  std::promise<void> end_;
  std::shared_future<void> ended_ = end_.get_future().share();
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<api::Server> server_;  // ends first
};

// Any thread may call.
class NodeObject final : public Object {
 public:
  static constexpr Kind kKind = Kind::node;
  NodeObject(std::filesystem::path state, std::shared_ptr<OutsideReadings> readings,
             std::shared_ptr<RunningNode> running)
      : state_(std::move(state)), readings_(std::move(readings)), running_(std::move(running)) {}

  const std::filesystem::path& state() const { return state_; }
  OutsideReadings& readings() const { return *readings_; }
  // Errors: failed_precondition (it has ended).
  Result<std::shared_ptr<RunningNode>> running() const EXO_EXCLUDES(mutex_);

  void cancel() override EXO_EXCLUDES(mutex_);
  void shut_down() override EXO_EXCLUDES(mutex_);

 private:
  std::filesystem::path state_;
  std::shared_ptr<OutsideReadings> readings_;
  mutable Mutex mutex_;
  std::shared_ptr<RunningNode> running_ EXO_GUARDED_BY(mutex_);  // null: it has ended
};

// With its API, where one is asked for. Errors: those of exogpu_node_start().
Result<std::shared_ptr<NodeObject>> start_node(const exogpu_node_options& options);

}  // namespace exogpu::capi
