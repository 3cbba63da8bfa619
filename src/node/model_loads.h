// Has models of the library loaded: asks a node that has a file of the model to propose it to the cluster, and proposes
// those that this node has files of, when it is asked.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "cluster/detector.h"
#include "node/dispatch.h"
#include "node/transport.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

struct ModelLoadsHost {
  std::function<cluster::Time()> now;
  std::function<const wire::ReplicatedState&()> state;
  // Whether this node has a file of the model.
  std::function<bool(const std::string& model)> has_file;
  // Reads the file, whole where its content is not known yet, and has its layers measured; `done` is called later,
  // once, with the model as it would be proposed. Errors: what is wrong with the file.
  std::function<void(const std::string& model, const wire::LoadSettings& settings,
                     std::function<void(Result<wire::ServedModel>)> done)>
      prepare;
  std::function<void(wire::ModelSet)> propose;
  std::function<void()> on_change{};  // failure() or active() may be another
  // What a user can do about a model that cannot fit, or an empty text; `done` is called later, once. Absent: nothing.
  std::function<void(const wire::ServedModel& model, std::function<void(std::string)> done)> advise{};
};

// On the node's thread. The host calls no `done` after this is destroyed.
class ModelLoads {
 public:
  static constexpr std::chrono::seconds kAskAgain{1};
  static constexpr std::chrono::seconds kPrepareAgain{5};  // after a proposal

  // The transport must outlive it.
  ModelLoads(wire::NodeId self, Transport& transport, ModelLoadsHost host)
      : self_(self), transport_(&transport), host_(std::move(host)) {}

  void register_handlers(Dispatch& dispatch);

  // The model is to be loaded, with these settings where it is loaded with others. Nothing changes if that was wanted
  // already and is not done yet; after a failure it is tried again.
  void want(const std::string& model, const wire::LoadSettings& settings);
  // To be called when the state has changed, and now and then.
  void update();

  // The model was wanted and is not to be served by the cluster yet.
  bool active(const std::string& model) const;
  // Why the model, which was wanted, could not be loaded. not_found, resource_exhausted (no device has room), and those
  // of `prepare`.
  std::optional<Error> failure(const std::string& model) const;

 private:
  struct Want {
    wire::LoadSettings settings{};
    std::optional<wire::NodeId> asked{};
    cluster::Time asked_at{};
    std::optional<Error> failure{};
  };
  // What this node prepares, or has proposed.
  struct Preparation {
    wire::LoadSettings settings{};
    std::set<wire::NodeId> askers{};
    std::optional<cluster::Time> proposed_at{};  // absent: it is being prepared
  };
  void on_load(wire::NodeId from, const wire::LoadModel& message);
  void on_refused(wire::NodeId from, const wire::LoadRefused& message);
  void on_prepared(const std::string& model, Result<wire::ServedModel> prepared);
  Result<void> check(const wire::ServedModel& served) const;
  void refuse(const std::string& model, const Error& reason);
  void refuse_with_advice(const wire::ServedModel& served, const std::string& model, const Error& reason);
  bool update(const std::string& model, Want& want);
  bool change(wire::ServedModel model, Want& want);
  void ask(const std::string& model, Want& want, wire::NodeId holder);
  std::optional<wire::NodeId> holder_of(const std::string& model) const;
  const wire::ServedModel* served(const std::string& model) const;  // also by another name of its content

  wire::NodeId self_;
  Transport* transport_;
  ModelLoadsHost host_;
  std::map<std::string, Want> wants_;                // by name
  std::map<std::string, Preparation> preparations_;  // likewise
};

}  // namespace exogpu::node
