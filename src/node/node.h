// A node of a cluster: its identity, its devices, its channels, its part of the plan, and what it answers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/chat_template.h"
#include "node/owner_rules.h"
#include "node/served_model.h"
#include "node/service.h"
#include "security/join_token.h"
#include "wire/owner_limits.h"
#include "wire/serving_settings.h"

namespace exogpu::gpu {
class LayoutBook;
}

namespace exogpu::cluster {
struct SensorReadings;
}

namespace exogpu::security {
class IdentityStore;
class KeyPassphrase;
}  // namespace exogpu::security

namespace exogpu::node {

struct Address {
  std::string host;
  uint16_t port = 0;
};

// Fetches a model into the models folder and returns its name there. Blocks. Errors: cancelled, and why it cannot be
// had.
using PullModel = std::function<Result<std::string>(
    const std::string& source, const std::function<void(const PullProgress&)>& progress, const std::stop_token& stop)>;

// The bytes of the files of such a model; 0: unknown. Blocks. Errors: why it cannot be had.
using PullBytes = std::function<Result<Bytes>(const std::string& source, const std::stop_token& stop)>;

// Finds out why other nodes do not find a node that listens on this port: diagnose(). Blocks for some seconds.
using ExamineNetwork = std::function<std::vector<Finding>(uint16_t link_port)>;

struct NodeOptions {
  std::filesystem::path state;                                      // identity, tokens, what is known of the cluster
  std::shared_ptr<const security::KeyPassphrase> key_passphrase{};  // of the identity's private keys; null: none
  security::IdentityStore identity_store() const;
  // Gets each line of the audit that is written, on any thread, one call after the other. Must not block; may be empty.
  std::function<void(std::string_view line)> on_audit{};
  std::filesystem::path cache;  // what can be had again: weights that other nodes sent, what files hold
  std::string name;  // for people; the machine's own when empty. A name that `exogpu rename` gave counts first
  Address listen{.host = "", .port = 0};
  std::optional<Address> advertise{};  // where others reach it, when that is elsewhere: behind a forwarded port
  std::string api_url{};               // reported to the other nodes
  std::vector<Address> connect{};      // nodes of the cluster
  bool discover = false;               // shows itself on the local network, and finds the others of its cluster there
  std::optional<security::JoinToken> token{};          // to join that cluster first
  std::optional<model::TemplateText> chat_template{};  // for conversations that this node is asked for
  std::filesystem::path model;     // what the cluster is to serve; with `connect`, a file that saves fetching
  std::filesystem::path models{};  // the models folder, whose models are loaded when they are asked for; empty: none
  std::chrono::seconds keep_loaded{std::chrono::minutes(30)};  // a model that was not named at the start; 0: always
  std::vector<std::string> devices;  // by id; empty: all of this machine but GPUs rendered by the CPU
  bool only_groups = false;          // they are members of other nodes' groups, and for no plan of their own
  uint32_t threads = 0;
  std::shared_ptr<gpu::LayoutBook> layouts{};  // of the devices; null: nothing is checked
  bool streams = false;              // layers for which no device has memory are read from the disk for each step
  wire::OwnerLimits limits{};        // that the owner sets; those that `exogpu limits` set count first
  std::optional<Circuit> circuit{};  // that its devices share with others'

  bool spare = true;  // fetches all of the model when there is time and room, to go on when others are gone

  // How the model is served, where one is given. What is 0 becomes as engine::complete_settings() says.
  wire::ServingSettings serving;
  uint32_t devices_min = 1;  // of a plan, also where fewer are faster
  std::string layers;
  std::vector<std::string> without;
  // In place of these, of the models with these names: their layers and whether they are pinned have no meaning.
  std::map<std::string, ServeSettings> model_settings{};
  // Of the model of this name that is loaded for a request: all of the above but the layers.
  ServeSettings serve_settings(const std::string& of) const;

  // Of the answers of rings that begin here, the share, 0..1, that the processor computes once more and compares.
  double verify = 0;

  std::chrono::milliseconds wait{5000};         // of requests, while the online nodes cannot hold the model
  std::chrono::milliseconds silence_max{1000};  // after which another node counts as lost
  // Changes what the sensors say before anything is made of it: readings that this process gets from elsewhere. Called
  // in the background, one call after the other; empty: nothing.
  std::function<void(cluster::SensorReadings&)> adjust_readings{};
  PullModel pull;            // for clients that ask for that; empty: refused
  PullBytes pull_bytes{};    // to find a node with room; empty: this node is asked first
  ExamineNetwork examine{};  // for clients that ask for that; empty: refused
  // Sensors are read below this folder, as a test makes it.
  std::filesystem::path sensor_root = "/";
  // An alert begins or has ended. On the node's thread; must not block.
  std::function<void(const wire::Alert& alert, bool begun)> on_alert{};
  // The node can be no part of its cluster; it does nothing more and waits to be destroyed. From any thread.
  std::function<void(const Error&)> on_fatal;
  std::function<void(const std::string&)> on_note;  // a problem, a line each; from any thread
};

// Works on threads of its own until it is destroyed.
class Node : public Service {
 public:
  // Founds a cluster at the first start, or joins one, measures the devices, and listens; the model is loaded
  // afterwards. Errors: what is wrong with the options, the identity, the model, the port; a join that was refused.
  static Result<std::unique_ptr<Node>> start(NodeOptions options);
  ~Node() override;

  uint16_t port() const;            // where other nodes connect
  const std::string& name() const;  // with which it started
  // Reports the address of this node's API to the other nodes. An empty host is any address of this machine.
  void set_api(std::string host, uint16_t port, std::string_view scheme = "http");
  // Connects to a node of the cluster that was found by other means, and again whenever the channel is lost.
  void add_peer(const Address& at);

  std::vector<ModelEntry> models() const override;
  Result<std::shared_ptr<ModelText>> text(std::string_view model) const override;
  Result<void> ready() const override;
  std::shared_ptr<const ClusterSnapshot> cluster() const override;
  std::shared_ptr<const ClusterSnapshot> wait_for_cluster(uint64_t version,
                                                          std::chrono::milliseconds timeout) const override;
  Result<void> drain(std::string_view node, bool draining) override;
  Result<void> remove(std::string_view node) override;
  Result<void> rename(std::string_view node, const std::string& name) override;
  wire::Role role() const override;
  Result<void> set_role(std::string_view node, wire::Role role) override;
  Result<void> begin_roles() override;
  Result<void> set_limits(std::string_view node, const wire::LimitChanges& changes) override;
  Result<void> load(std::string_view model, const wire::LoadSettings& settings) override;
  Result<void> unload(std::string_view model) override;
  void remove_model(const ModelRemoval& request, const std::function<void(Result<RemovedModel>)>& done) override;
  void preview(const PreviewRequest& request, const std::function<void(Result<PlanPreview>)>& done) override;
  void admit(const AdmissionRequest& request, const std::function<void(Result<AdmissionStatus>)>& done) override;
  void connect(const std::string& host, uint16_t port, const std::function<void(Result<void>)>& done) override;
  void examine(const std::function<void(Result<std::vector<Finding>>)>& done) override;
  void pull(std::string source, std::shared_ptr<PullListener> listener, std::stop_token cancel) override;
  AccessKeys& access_keys() override;
  Audit* audit() override;
  void generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener,
                std::stop_token cancel) override;
  std::unique_ptr<StreamStore::Writer> keep_stream(wire::StreamId id, StreamOptions options) override;
  void read_stream(wire::StreamRead request, StreamReader done) override;
  telemetry::TelemetrySnapshot telemetry(const telemetry::HistoryQuery& query) const override;
  std::vector<wire::Alert> alerts() const override;
  NodeMetrics metrics() const override;
  std::vector<RecentEvent> events(uint64_t after) const override;
  std::vector<RecentRequest> recent_requests() const override;
  std::vector<LinkPast> link_past(size_t values) const override;

 private:
  class Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::node
