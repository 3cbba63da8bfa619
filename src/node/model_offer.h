// The model that this node was given to serve: proposes it to the cluster until the cluster serves it, and no longer
// once somebody decided otherwise.
#pragma once

#include <optional>

#include "cluster/detector.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

class ModelOffer {
 public:
  static constexpr std::chrono::seconds kRetry{2};

  // `model`: without its content id. Nothing is proposed before set_content(). `joins`: a cluster that serves it with
  // other settings keeps those.
  explicit ModelOffer(std::optional<wire::ServedModel> model, bool joins = false)
      : model_(std::move(model)), joins_(joins) {}
  void set_content(std::string content);

  // What to propose to the leader now. In another term the state may be one that never had the model, which is then
  // proposed again; in the term in which the cluster had taken it, its absence or other settings are somebody's
  // decision.
  // A model whose name another one has is not proposed: requests could not tell them apart.
  std::optional<wire::ModelSet> proposal(const wire::ReplicatedState& state, const wire::Term& term, cluster::Time now);

  // Whether the cluster serves another model of this name.
  bool name_taken(const wire::ReplicatedState& state) const;

 private:
  std::optional<wire::ServedModel> model_;
  bool joins_;
  bool content_known_ = false;
  std::optional<wire::Term> accepted_in_;
  bool overruled_ = false;
  std::optional<cluster::Time> proposed_at_;
};

}  // namespace exogpu::node
