// The inside of a Node: how its parts are put together.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gpu/device.h"
#include "net/mdns/discovery.h"
#include "net/tcp/join.h"
#include "net/tcp/listener.h"
#include "node/generations.h"
#include "node/leader.h"
#include "node/link_rates.h"
#include "node/node.h"
#include "node/peers.h"
#include "node/stage_host.h"
#include "security/files.h"
#include "security/identity.h"
#include "weights/catalogue.h"
#include "weights/exchange.h"

namespace exogpu::node {

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
  std::string cluster_json() const;
  void generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener, std::stop_token cancel);
  void set_api(std::string host, uint16_t port);

 private:
  struct Parts {
    security::Identity identity;
    security::TlsContext tls;
    gpu::Machine machine;
    std::vector<wire::DeviceProfile> devices;
    SharedGguf file;
    std::optional<security::FileLock> running;  // tells `exogpu pair` that there is a node
    std::unique_ptr<net::JoinServer> join;
    std::optional<wire::ModelShape> shape;  // of a leader
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

  // --- what nodes tell each other about the cluster
  void on_info(wire::NodeInfo info);
  void on_plan(wire::NodeId from, const wire::StagePlan& plan);
  void on_stage_state(wire::NodeId from, const wire::StageState& state);
  void on_cluster_state(wire::NodeId from, const wire::ClusterState& state);
  wire::NodeInfo info() const;
  void tell_info();
  void report(const wire::StageState& state);
  bool stage_connected(uint32_t stage);
  void report_ready();
  void tell_broken(wire::PlanEpoch epoch, const Error& why, std::optional<wire::NodeId> lost = {});
  void tell_unconnected();
  void tell_busy();
  void tell_plan(wire::NodeId peer);
  void tell_who_leads(wire::NodeId peer);
  void on_leads(const wire::Leads& told);
  bool follows(wire::NodeId from);
  void follow(const wire::ClusterState& state);
  void replan();
  void publish();

  // --- weights
  void fetch(const wire::StagePlan& plan, wire::LayerRange layers, std::function<void(Bytes, Bytes)> progress,
             std::function<void(Result<SharedGguf>)> done);
  void read_own_content();
  void load_encoder(const wire::StagePlan& plan, SharedGguf file);

  // --- requests
  Result<void> submit(wire::Generate wanted);
  void cancel(uint64_t request);
  void on_generate(wire::NodeId from, wire::Generate wanted);
  Result<pipeline::RequestId> drive(wire::Generate wanted, std::function<void(const wire::Generated&)> heard);

  void run();  // the node's thread, until io_ is stopped
  // --- the local network (neighbourhood.cpp)
  void look_around();
  void tell_pairing();

  void tick();
  void measure();
  void note(const std::string& text) const;
  void post(std::move_only_function<void()> task);

  NodeOptions options_;
  Parts parts_;
  uint16_t port_ = 0;
  BusyWait busy_wait_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keeps_running_;
  boost::asio::thread_pool work_{1};  // reading the model's tokenizer
  boost::asio::steady_timer timer_;
  std::unique_ptr<weights::WeightExchange> exchange_;
  std::unique_ptr<Generations> generations_;
  std::unique_ptr<StageHost> stages_;
  std::unique_ptr<Leader> leader_;
  std::unique_ptr<Peers> peers_;
  std::optional<net::Listener> listener_;
  std::unique_ptr<net::Discovery> discovery_;
  net::Announcement announced_;

  std::string own_content_;                      // of the file, once it has been read
  std::optional<weights::Measuring> measuring_;  // the own file
  weights::Fetching fetching_;
  std::optional<wire::NodeId> leader_node_;
  std::optional<wire::NodeId> other_leader_;  // that was not followed
  bool leader_known_ = false;                 // how to reach it, so that others can be told
  bool busy_told_ = false;
  std::map<wire::NodeId, pipeline::Buffer> placed_;  // activations that are arriving
  wire::ClusterState state_;                         // the last that was published or heard
  std::shared_ptr<PromptEncoder> encoder_;
  wire::PlanEpoch encoder_epoch_{};
  std::optional<Error> encoder_error_;   // why there is none
  std::set<uint32_t> ready_untold_;      // stages that are loaded, but not yet connected to the next
  net::SteadyTime unconnected_since_{};  // of the first of them
  LinkRates rates_;
  std::vector<wire::LinkProfile> links_told_;
  std::map<std::pair<wire::NodeId, uint64_t>, pipeline::RequestId> driven_;  // who asked, and under which number

  std::chrono::steady_clock::time_point measured_at_ = std::chrono::steady_clock::now();
  uint64_t sampled_before_ = 0, computed_before_ = 0;  // tokens, then

  mutable std::mutex mutex_;
  std::string page_ = R"({"serving":false})";  // as JSON, for any thread
  std::string live_ = "null";
  std::string weights_ = "null";  // what this node sent and received of them since it was started

  std::jthread thread_;
};

}  // namespace exogpu::node
