// The inside of a Node: how its parts are put together.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/agent.h"
#include "cluster/condition.h"
#include "gpu/device.h"
#include "gpu/sensors/sensor_reader.h"
#include "net/mdns/discovery.h"
#include "net/tcp/join.h"
#include "net/tcp/listener.h"
#include "node/generations.h"
#include "node/link_losses.h"
#include "node/link_rates.h"
#include "node/node.h"
#include "node/peers.h"
#include "node/shard_backend.h"
#include "node/status.h"
#include "security/files.h"
#include "security/identity.h"
#include "weights/catalogue.h"
#include "weights/exchange.h"
#include "worker/worker.h"

namespace exogpu::node {

using worker::SharedGguf;
using worker::Worker;

// Everything but the constructor's end and what is marked runs on the node's thread.
class Node::Impl final : public PeerHandler {
 public:
  static Result<std::unique_ptr<Impl>> start(NodeOptions options);
  ~Impl() override;

  // --- any thread
  uint16_t port() const { return port_; }
  const std::string& name() const { return options_.name; }
  std::vector<ModelEntry> models() const;
  Result<void> ready() const;
  std::shared_ptr<const ClusterSnapshot> cluster() const { return status_->snapshot(); }
  std::shared_ptr<const ClusterSnapshot> wait_for_cluster(uint64_t version, std::chrono::milliseconds timeout) const {
    return status_->wait(version, timeout);
  }
  Result<void> drain(std::string_view node, bool draining);
  void generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener, std::stop_token cancel);
  void set_api(std::string host, uint16_t port);

 private:
  struct Parts {
    security::Identity identity;
    security::TlsContext tls;
    gpu::Machine machine;
    std::vector<wire::DeviceProfile> devices;
    SharedGguf file;
    std::optional<security::FileLock> running;  // tells `exogpu pair` and `approve` that there is a node
    std::unique_ptr<net::JoinServer> join;
    std::optional<wire::ServedModel> served;  // where this node was given the model; its content once the file was read
    uint64_t counter = 0;                     // of terms, as it was kept
    std::shared_ptr<weights::WeightCache> cache;
  };
  static Result<Parts> prepare(NodeOptions& options);
  Impl(NodeOptions options, Parts parts);
  Result<void> listen();
  void begin();  // once, on the node's thread

  // --- channels
  void on_up(wire::NodeId peer) override;
  void on_down(wire::NodeId peer, const Error& why) override;
  std::optional<std::span<std::byte>> place(wire::NodeId peer, const wire::FrameHeader& header) override;
  void on_frame(wire::NodeId peer, const wire::FrameHeader& header, std::span<const std::byte> payload) override;
  void on_abandoned(wire::NodeId peer, const wire::FrameHeader& header) override;
  void on_room(wire::NodeId peer, net::Lane lane) override;
  Result<void> on_control(wire::NodeId peer, wire::ControlType type, std::span<const std::byte> payload);

  // --- the cluster (node_cluster.cpp)
  wire::NodeFacts facts() const;
  wire::Member member() const;
  bool agent_heard(wire::NodeId peer, wire::ControlType type, std::span<const std::byte> payload, Result<void>& how);
  // Does what the agent wants done since the last call, and sees to it that it is called again in time.
  void pump();
  void send(const std::vector<cluster::Send>& sends);
  void on_state();
  void on_master();
  void see_plan();
  void note_changes(const wire::ReplicatedState& state);
  void set_model();
  void tell_progress();
  void tell_who_leads(wire::NodeId peer);
  void on_worker();
  bool busy() const;
  void set_timer();
  std::optional<wire::NodeId> first_node() const;

  // --- its condition (node_condition.cpp)
  void sense();
  void tell_condition();

  // --- weights (node_weights.cpp)
  void fetch(const wire::StagePlan& plan, wire::LayerRange layers, std::function<void(Bytes, Bytes)> progress,
             std::function<void(Result<SharedGguf>)> done);
  void read_own_content();
  void keep_spare(cluster::Time now);
  void load_encoder(const std::string& content, SharedGguf file);

  // --- requests (node_requests.cpp)
  Result<void> submit(wire::Generate wanted);
  void cancel(uint64_t request);
  void on_generate(wire::NodeId from, wire::Generate wanted);
  void on_generated(wire::NodeId from, const wire::Generated& message);
  Result<pipeline::RequestId> drive(wire::Generate wanted, std::function<void(const wire::Generated&)> heard);

  // --- the local network (neighbourhood.cpp)
  void look_around();
  void tell_pairing();

  void run();  // the node's thread, until io_ is stopped
  void tick();
  void look_after(cluster::Time now);
  void watch_links(cluster::Time now);
  void measure();
  std::chrono::milliseconds boot_wait() const;
  void note(const std::string& text) const;
  void post(std::move_only_function<void()> task);

  NodeOptions options_;
  Parts parts_;
  uint16_t port_ = 0;
  uint64_t incarnation_ = 0;
  cluster::Time started_ = std::chrono::steady_clock::now();
  BusyWait busy_wait_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keeps_running_;
  boost::asio::thread_pool work_{1};         // reading the model's tokenizer
  boost::asio::steady_timer timer_;          // for what is due now and then
  boost::asio::steady_timer cluster_timer_;  // for the agent and the worker
  std::unique_ptr<weights::WeightExchange> exchange_;
  std::unique_ptr<Generations> generations_;
  std::optional<cluster::Agent> agent_;
  std::unique_ptr<ShardBackend> shards_;
  std::unique_ptr<Worker> worker_;
  Dispatch dispatch_;
  std::unique_ptr<Peers> peers_;
  std::optional<Status> status_;
  std::optional<net::Listener> listener_;
  std::unique_ptr<net::Discovery> discovery_;
  net::Announcement announced_;

  gpu::SensorReader sensors_;            // on the thread of work_
  std::vector<gpu::DeviceInfo> sensed_;  // which
  bool sensing_ = false;
  cluster::ConditionWatch condition_;

  std::string own_content_;                      // of the file, once it has been read
  std::optional<weights::Measuring> measuring_;  // the own file
  weights::Fetching fetching_, spare_;
  std::string spare_content_;                 // of which all is here
  cluster::Time spare_at_{};                  // not before
  std::optional<wire::Term> model_taken_in_;  // in which the cluster last wanted what this node was given
  bool model_overruled_ = false;              // by somebody who wants another
  cluster::Time model_told_at_{};
  std::map<wire::NodeId, pipeline::Buffer> placed_;  // activations that are arriving
  std::set<wire::NodeId> callers_;                   // who are here and call this node
  std::optional<wire::NodeId> master_;               // as on_master() saw it
  std::map<wire::NodeId, bool> here_;                // who was, as it was noted
  std::string noted_;                                // why nothing is served
  std::optional<wire::PlanEpoch> serving_;           // the plan whose ring takes requests from here
  std::optional<cluster::Time> planless_since_;      // no plan, and requests that wait for one
  cluster::Time looked_after_at_{}, facts_at_{};
  bool worker_due_ = false;
  std::map<wire::NodeId, bool> watched_;  // closely, or not
  std::shared_ptr<PromptEncoder> encoder_;
  std::string encoder_content_;         // whose
  std::optional<Error> encoder_error_;  // why there is none
  LinkRates rates_;
  LinkLosses losses_;
  std::map<uint64_t, wire::NodeId> asked_;  // requests that are under way elsewhere, and where
  std::map<std::pair<wire::NodeId, uint64_t>, pipeline::RequestId> driven_;  // who asked, and under which number

  std::chrono::steady_clock::time_point measured_at_ = std::chrono::steady_clock::now();
  uint64_t sampled_before_ = 0, computed_before_ = 0;  // tokens, then

  std::jthread thread_;
};

}  // namespace exogpu::node
