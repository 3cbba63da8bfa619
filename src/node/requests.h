// The part of a node that serves requests: those of its own API, which it sends to the node of the first stage of the
// model that they name, and those of other nodes, which it submits to the rings that begin here.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "node/cluster_snapshot.h"
#include "node/dispatch.h"
#include "node/early_requests.h"
#include "node/model_requests.h"
#include "node/stream_relay.h"
#include "node/streams/stream_store.h"
#include "pipeline/request_server.h"

namespace exogpu::node {

// How models that are not loaded come to be loaded, and what is known of that. On the node's thread.
struct ModelLoading {
  std::function<void(const std::string& model, const wire::LoadSettings& settings)> want;
  // It was wanted, and is being prepared.
  std::function<bool(const std::string& model)> active;
  // Why it could not be loaded.
  std::function<std::optional<Error>(const std::string& model)> failure;
  // A request for this model begins.
  std::function<void(const std::string& content)> on_use;
};

// Of a request that says how long its model stays.
inline wire::LoadSettings kept_for(std::optional<uint32_t> keep_loaded_s) {
  wire::LoadSettings settings;
  settings.keep_loaded_s = keep_loaded_s;
  return settings;
}

// On the node's thread, except where marked.
class Requests {
 public:
  // The transport must outlive it. `host` is that of each model's generations, without submit and cancel.
  Requests(wire::NodeId self, Transport& transport, RingAccess rings, GenerationsHost host,
           std::function<void(const std::string&)> note);

  // Before the first request. Without it, only models that are served can be named.
  void set_loading(ModelLoading loading) { loading_ = std::move(loading); }
  void register_handlers(Dispatch& dispatch);

  // --- any thread
  // As Service::generate(). A request that names no model is for the first of models(). While no model is served yet
  // that it could be for, it waits as long as requests do that nobody can compute now; while its model is loaded, as
  // long as that takes.
  void generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener, std::stop_token cancel)
      EXO_EXCLUDES(mutex_);
  // Those that requests may name: served ones first, then those that are loaded, then the rest of the library.
  std::vector<ModelEntry> models() const EXO_EXCLUDES(mutex_);
  // As Service::text().
  Result<std::shared_ptr<ModelText>> text(std::string_view model) const EXO_EXCLUDES(mutex_);
  // Streams that are kept for clients whose connection broke.
  StreamStore& streams() { return streams_; }
  // As Service::read_stream().
  void read_stream(wire::StreamRead request, StreamReader done);
  // Errors: why no model is served.
  Result<void> ready() const EXO_EXCLUDES(mutex_);

  // The content id of the model that the cluster is to serve and that requests can name so.
  std::optional<std::string> served_content(std::string_view name) const EXO_EXCLUDES(mutex_);
  // A model of the library will be wanted, again perhaps: it is shown as loading, until load_begun().
  void expect_load(const std::string& model) EXO_EXCLUDES(mutex_);

  // --- the node's thread
  void load_begun(const std::string& model) EXO_EXCLUDES(mutex_);
  // The library, the models to be served, or what is known of loading models is another: the next update() lists the
  // library again, which takes its time with many nodes.
  void library_changed() EXO_EXCLUDES(mutex_);
  // To be called when one of these has changed, and now and then. `encoder` is asked by content id.
  void update(const wire::ReplicatedState& state, const StageReports& reports,
              const std::function<EncoderStatus(const std::string&)>& encoder, cluster::Time now) EXO_EXCLUDES(mutex_);
  // To be called now and then.
  void tick(cluster::Time now);
  // Interrupts requests that the peer computes for this node; cancels requests that this node computes for the peer.
  void on_link_down(wire::NodeId peer);
  // The other nodes that compute answers for this one now.
  std::set<wire::NodeId> answering_nodes() const;
  // As of Generations, for all models.
  void resume();
  bool waiting() const;
  void fail_all(const Error& why);
  // The models with a generation that is computed or waits, by content id.
  std::set<std::string> busy() const;
  // Whether requests are taken for a model.
  bool serving() const;
  // The rates of this ring since the previous call for the model.
  LiveRates measure(const std::string& content, const pipeline::Driver& driver,
                    std::chrono::steady_clock::time_point now);

  // That of the model with this content id, which exists from now on.
  ModelRequests& of(const std::string& content);

 private:
  struct Counts {
    std::chrono::steady_clock::time_point at{};
    uint64_t sampled = 0, computed = 0;  // tokens
  };
  // A model that was served once stays: it may come again, and is a few hundred bytes.
  struct Model {
    std::string name;
    std::shared_ptr<ModelRequests> requests;
    Counts measured{};
    wire::LoadDefaults settings{};  // as it was served last
    std::chrono::system_clock::time_point since = std::chrono::system_clock::now();
  };
  struct Named {
    std::string name;
    std::shared_ptr<ModelRequests> requests;
    std::chrono::system_clock::time_point since{};  // this node knows that it is to be served
    bool wanted = false;                            // the cluster is to serve it
    std::optional<double> progress{};               // see progress_of()
    std::string reason{};                           // why it is not served
    uint32_t context = 0;
  };
  pipeline::RequestServerHost server_host();
  // Whether a model of this name, or any model if there is none, was served before.
  bool was_served(std::string_view name) const EXO_EXCLUDES(mutex_);
  // Those of the model that compute it, or that it may wait for. Errors: unavailable, not_found.
  Result<std::shared_ptr<ModelRequests>> requests_for(const GenerationRequest& request) const EXO_EXCLUDES(mutex_);
  // Any thread.
  void begin(ModelRequests& model, GenerationRequest request, std::shared_ptr<GenerationListener> listener,
             std::stop_token cancel);
  void wait(EarlyRequests::Request request);

  // --- models of the library that the cluster is not to serve now (requests_loading.cpp)
  // The full name of the one that must be loaded for such a request.
  std::optional<std::string> to_load(std::string_view name) const EXO_EXCLUDES(mutex_);
  void load_for(GenerationRequest request, std::shared_ptr<GenerationListener> listener, std::stop_token cancel);
  void want(const std::string& model, const wire::LoadSettings& settings);
  bool retry(EarlyRequests::Request& early) EXO_EXCLUDES(mutex_);
  bool retry_load(const std::string& model, EarlyRequests::Request& early);
  // How far the model of this name, or any if there is none, is with being loaded.
  std::optional<double> progress(std::string_view name) const EXO_EXCLUDES(mutex_);
  void load_interrupted(const wire::ReplicatedState& state) EXO_EXCLUDES(mutex_);
  std::vector<ModelEntry> unloaded_models(const wire::ReplicatedState& state) const EXO_EXCLUDES(mutex_);
  // A name by which the model can be loaded again. Its own, or that of a file of the same content.
  std::optional<std::string> to_load_again(const wire::ReplicatedState& state, const std::string& content,
                                           const std::string& name) const EXO_EXCLUDES(mutex_);
  void on_generated(wire::NodeId from, const wire::Generated& message);
  void publish(const wire::ReplicatedState& state, const StageReports& reports) EXO_EXCLUDES(mutex_);
  // Where the library is another than at the last call: its models that are not to be served.
  bool list_library(const wire::ReplicatedState& state, std::vector<ModelEntry>& unloaded) EXO_EXCLUDES(mutex_);
  Result<std::shared_ptr<ModelRequests>> find(std::string_view name,
                                              std::optional<std::chrono::milliseconds> wait) const EXO_EXCLUDES(mutex_);

  wire::NodeId self_;
  Transport* transport_;
  RingAccess rings_;
  GenerationsHost host_;
  ModelLoading loading_{};
  std::function<void(const std::string&)> note_;
  StreamStore streams_;
  StreamRelay stream_relay_;
  pipeline::RequestServer server_;
  std::map<std::string, Model> models_;  // by content id
  std::vector<ModelRequests*> by_index_;
  EarlyRequests early_;
  std::map<std::string, std::string> other_names_;  // see node::other_names()
  mutable Mutex mutex_;
  std::vector<Named> named_ EXO_GUARDED_BY(mutex_);          // served models first
  std::vector<ModelEntry> unloaded_ EXO_GUARDED_BY(mutex_);  // by name
  bool library_listed_ EXO_GUARDED_BY(mutex_) = false;       // `unloaded_` and `other_names_` are as the state is
  std::set<std::string> expected_loads_ EXO_GUARDED_BY(mutex_);
  Error no_model_ EXO_GUARDED_BY(mutex_){ErrorCode::unavailable, "the node is starting"};
};

}  // namespace exogpu::node
