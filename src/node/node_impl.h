// The inside of a Node: its parts, and how they are wired. Each part is a class of its own, with its contract in its
// header; what happens between two parts is written here and nowhere else.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "cluster/serving_speeds.h"
#include "net/tcp/listener.h"
#include "node/answer_verifier.h"
#include "node/cluster_agent.h"
#include "node/cluster_counter.h"
#include "node/cluster_pulls.h"
#include "node/condition.h"
#include "node/group_members.h"
#include "node/heat_guard.h"
#include "node/library/own_library.h"
#include "node/library/predictions.h"
#include "node/link_history.h"
#include "node/link_monitor.h"
#include "node/local_network.h"
#include "node/loop.h"
#include "node/membership.h"
#include "node/memory_guard.h"
#include "node/model_files.h"
#include "node/model_loads.h"
#include "node/node.h"
#include "node/node_resources.h"
#include "node/peers.h"
#include "node/pulls.h"
#include "node/recent_events.h"
#include "node/remote_groups.h"
#include "node/renewal.h"
#include "node/request_counter.h"
#include "node/requests.h"
#include "node/shard_backend.h"
#include "node/status.h"
#include "node/telemetry.h"
#include "pipeline/ring_frames.h"
#include "worker/model_workers.h"

namespace exogpu::node {

// On the loop's thread, except for the constructor, the destructor and what is marked.
class Node::Impl final : public PeerHandler {
 public:
  // Listens when this returns; everything else follows on the loop's thread.
  static Result<std::unique_ptr<Impl>> start(NodeOptions options);
  ~Impl() override;

  // --- any thread
  uint16_t port() const { return listener_->port(); }
  const std::string& name() const { return options_.name; }  // with which it started
  const Status& status() const { return *status_; }
  Requests& requests() { return *requests_; }
  Pulls& pulls() { return pulls_; }
  void want_predictions();  // somebody looks at the library
  AccessKeys& access_keys() { return *resources_.access_keys; }
  Audit& audit() { return *resources_.audit; }
  Result<void> drain(std::string_view node, bool draining);
  Result<void> remove(std::string_view node);
  Result<void> rename(std::string_view node, const std::string& name);
  wire::Role role() const;
  Result<void> set_role(std::string_view node, wire::Role role);
  Result<void> begin_roles();
  Result<security::JoinResponder::Enrolment> enrol(wire::NodeId newcomer, std::optional<wire::Role> asked);
  Result<void> set_limits(std::string_view node, const wire::LimitChanges& changes);
  Result<void> load(std::string_view model, const wire::LoadSettings& settings);
  Result<void> unload(std::string_view model);
  void set_api(std::string host, uint16_t port, std::string scheme);
  void add_peer(const Address& at);
  void remove_model(const ModelRemoval& request, const std::function<void(Result<RemovedModel>)>& done);
  void preview(const PreviewRequest& request, const std::function<void(Result<PlanPreview>)>& done);
  void admit(const AdmissionRequest& request, const std::function<void(Result<AdmissionStatus>)>& done);
  void connect(const std::string& host, uint16_t port, const std::function<void(Result<void>)>& done);
  void examine(const std::function<void(Result<std::vector<Finding>>)>& done);
  telemetry::TelemetrySnapshot telemetry(const telemetry::HistoryQuery& query) const;
  std::vector<wire::Alert> alerts() const { return telemetry_->alerts(); }
  NodeMetrics metrics() const;
  std::vector<RecentEvent> events(uint64_t after) const { return events_.after(after); }
  std::vector<RecentRequest> recent_requests() const { return request_counter_->recent(); }
  std::vector<LinkPast> link_past(size_t values) const { return link_history_.past(*status_->snapshot(), values); }
  std::shared_ptr<GenerationListener> counted(const std::string& model, std::shared_ptr<GenerationListener> listener);

 private:
  Impl(NodeOptions options, NodeResources resources);

  // --- making the parts
  Result<void> make_network();
  void make_renewal();
  void make_joining();
  void make_agent();
  void make_requests();
  void make_model_files();
  void make_library();
  void make_pulls();
  void make_groups();
  void make_verifier();
  void make_worker();
  void make_memory_guard();
  Bytes host_memory() const;  // that plans may use
  void make_heat_guard();
  void make_telemetry();
  void start_sampler();
  void make_local_network();
  void register_handlers();
  void register_ring_frames();
  void begin();
  void dial(const Address& at);
  void begin_access_keys();
  void register_removal_handlers();
  void on_removed(const wire::Removal& removal);
  void register_role_handlers();
  void on_role(const wire::RoleRecord& record);
  void on_own_role();
  void end_groups_of(const wire::RoleRecord& record);
  bool may_group_with(wire::NodeId other) const;
  bool obeys(wire::NodeId peer, const wire::FrameHeader& header, std::span<const std::byte> payload);
  Result<void> exchange_authority(wire::NodeId owner, const wire::AuthorityKey& message);
  void ask_for_authority(wire::NodeId peer);
  std::vector<wire::LibraryModel> own_library() const;
  void register_settings_handlers();
  void take_name(const std::string& by, const std::string& name);
  void take_limits(const std::string& by, const wire::LimitChanges& changes);
  void apply_limits();
  void register_audit_handlers();
  void begin_audit();
  void exchange_audit_heads(wire::NodeId peer);
  void look_after_audit(cluster::Time now);

  // --- channels: their events are passed to every part that uses them
  void on_up(wire::NodeId peer) override;
  void on_down(wire::NodeId peer, const Error& why) override;
  std::optional<std::span<std::byte>> receive_buffer(wire::NodeId peer, const wire::FrameHeader& header) override;
  void on_frame(wire::NodeId peer, const wire::FrameHeader& header, std::span<const std::byte> payload) override;
  void on_abandoned(wire::NodeId peer, const wire::FrameHeader& header) override;
  void on_writable(wire::NodeId peer, net::Lane lane) override;
  void on_second_identity(wire::NodeId node, const std::string& address) override;
  void on_identity_in_use(const Error& why) override;

  // --- what happens when a part has news
  void on_leader();
  void on_state();
  void on_worker();
  void on_ring_broken(const wire::PlanEnded& broken);
  void on_own_file_changed(const Error& why);
  void update_requests();
  void update_access_keys();
  void propose_model();
  void on_memory();
  void on_heat(telemetry::Sample& sample);
  // True: what is to be reported has changed.
  bool compare_steps(telemetry::Time now);
  bool look_at_owner();
  void remember_heat(telemetry::Time now);
  std::filesystem::path heat_file() const;
  void on_sample(telemetry::Sample& sample);
  telemetry::AlertFacts alert_facts(bool leads, std::vector<telemetry::NodeTelemetry> telemetry) const;
  void update_drivers();
  void propose(const wire::Event& event);
  void advise(const wire::ServedModel& model, std::function<void(std::string)> done);
  // As this node is set up for the model, where the settings have no defaults of their own.
  void want_model(const std::string& model, wire::LoadSettings settings);
  void prepare_model(const std::string& model, const wire::LoadSettings& settings,
                     std::function<void(Result<wire::ServedModel>)> done);
  // `done` gets the content id.
  void read_content(const OwnModel& own, SharedGguf file, std::function<void(Result<std::string>)> done);
  void offer_cached(const OwnModel& own, std::function<void(Result<std::string>)> done);
  void read_served_files();
  Result<void> check_unused(const OwnModel& own) const;
  void look_at_own_files();
  void remove_found(const OwnModel& own, const std::function<void(Result<RemovedModel>)>& done);
  const OwnModel* unread_file(const wire::ServedModel& served) const;
  void preview_file(const OwnModel& own, const std::shared_ptr<const PreviewRequest>& request,
                    const std::function<void(Result<PlanPreview>)>& done);
  std::string await_library(const std::string& pulled, const std::stop_token& stop);
  Result<std::string> pull_in_cluster(const std::string& source, const ClusterPulls::Progress& progress,
                                      const std::stop_token& stop);
  struct LibraryLook;
  void look_at_library(const std::shared_ptr<LibraryLook>& look);
  void report_condition();
  void report_stages();
  void report_busy_soon();
  void tick();
  void look_after(cluster::Time now);

  wire::NodeId self() const { return resources_.identity.node(); }
  Roles& roles() const { return *resources_.roles; }
  wire::Member member() const;
  wire::NodeFacts facts() const;
  std::set<std::string> busy() const;
  bool idle(cluster::Time now) const;  // nothing is computed or loaded
  std::map<std::string, LiveRates> live_rates(cluster::Time now);
  std::set<wire::NodeId> nodes_to_watch(cluster::Time now);
  StageReports own_reports() const;
  void in_background(std::move_only_function<void()> task);
  void note(const std::string& text) const;  // a problem
  void note_clock_of(wire::NodeId peer) const;
  void remember_event(log::Level level, std::string text);
  Result<void> check_leader() const;  // any thread; unavailable: there is none

  NodeOptions options_;
  NodeResources resources_;
  std::string name_ = options_.name;
  Loop loop_;
  boost::asio::thread_pool background_{2};  // tokenizers, prompts, sensors
  Dispatch dispatch_;
  std::unique_ptr<Peers> peers_;
  std::optional<net::Listener> listener_;
  std::optional<ClusterAgent> agent_;
  std::optional<Membership> membership_;
  std::optional<LinkMonitor> links_;
  std::optional<Renewal> renewal_;
  std::optional<ModelFiles> model_files_;
  std::optional<OwnLibrary> library_;
  std::optional<ModelLoads> loads_;
  std::optional<Predictions> predictions_;
  std::set<std::pair<std::filesystem::path, uint64_t>> read_;  // files of served models, and when they were changed
  std::map<std::string, weights::Measuring> measuring_;        // files that are read whole, by name of the model
  std::optional<Requests> requests_;
  std::optional<Status> status_;
  Condition condition_;
  cluster::ServingSpeeds speeds_;
  cluster::LinkSpeeds link_speeds_;
  wire::OwnerRules owner_;
  std::shared_ptr<RequestCounter> request_counter_ = std::make_shared<RequestCounter>();
  ClusterCounter cluster_counter_;
  RecentEvents events_;
  LinkHistory link_history_;
  std::optional<MemoryGuard> memory_;
  std::optional<HeatGuard> heat_;
  std::optional<Telemetry> telemetry_;
  std::optional<telemetry::Sampler> sampler_;
  std::optional<LocalNetwork> local_network_;
  pipeline::RingFrames ring_frames_{[this](wire::PlanEpoch epoch) { return workers_->ring(epoch); }};
  std::optional<RemoteGroups> remote_groups_;
  std::optional<GroupMembers> group_members_;
  std::optional<AnswerVerifier> verifier_;  // empty: nothing is verified
  std::unique_ptr<ShardBackend> shards_;
  std::unique_ptr<worker::ModelWorkers> workers_;
  std::set<wire::NodeId> expelled_;  // since the start; their channels are being closed
  std::set<wire::NodeId> expired_;   // have a channel to get a certificate, and are no nodes of the cluster until then
  std::atomic<bool> examining_ = false;  // by examine()
  struct Timers {
    Alarm tick, agent, worker, status;
    cluster::Time looked_after_at{}, facts_at{}, audited_at{}, heat_remembered_at{};
    bool worker_due = false;      // on_worker() is posted
    bool busy_due = false;        // likewise, the models that answer
    uint64_t library_listed = 0;  // ClusterAgent::library_version() at the last update of the requests
  };
  Timers timers_;
  std::optional<ClusterPulls> cluster_pulls_;
  // What this node does for the cluster, and what clients ask of it, which waits for the node that does it.
  Pulls fetches_{options_.pull,
                 [this](const std::string& name, const std::stop_token& stop) { return await_library(name, stop); }};
  Pulls pulls_{options_.pull
                   ? PullModel([this](const std::string& source, const ClusterPulls::Progress& progress,
                                      const std::stop_token& stop) { return pull_in_cluster(source, progress, stop); })
                   : PullModel()};
};

}  // namespace exogpu::node
