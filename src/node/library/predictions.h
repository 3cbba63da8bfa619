// Predicts how the cluster would run the models of its library that are not loaded: in the background, a few at a time,
// and only while somebody looks at them.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/detector.h"
#include "cluster/prediction.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

struct PredictionsHost {
  // Runs a task on the node's thread, later; from any thread. And on another thread, later.
  std::function<void(std::move_only_function<void()>)> post;
  std::function<void(std::move_only_function<void()>)> in_background;
  std::function<void()> on_change;  // find() may return something else
};

// On the node's thread, except where marked. The host runs no task after it is destroyed.
class Predictions {
 public:
  static constexpr std::chrono::seconds kWantedFor{60};
  static constexpr size_t kAtOnce = 4;  // of one task in the background

  // `settings`: those that the model of a name is loaded with here, with zeros for defaults.
  Predictions(std::function<wire::ServingSettings(const std::string& model)> settings, PredictionsHost host)
      : settings_(std::move(settings)), host_(std::move(host)) {}

  // Any thread. Somebody looks at the library. True: nobody did for a while, so that update() is due.
  bool want(cluster::Time now) { return now >= wanted_at_.exchange(now) + kWantedFor; }
  // To be called when the state has changed, and now and then.
  void update(const wire::ReplicatedState& state, cluster::Time now);

  // The last prediction for the model; nothing: there is none yet.
  std::optional<cluster::Prediction> find(const wire::LibraryModel& model) const;

 private:
  struct Known {
    wire::LibraryModel model{};
    std::string basis{};  // see cluster::prediction_basis()
    cluster::Prediction prediction{};
  };
  std::vector<wire::LibraryModel> due(const wire::ReplicatedState& state, const std::string& basis);
  void store(std::vector<Known> results);

  std::function<wire::ServingSettings(const std::string&)> settings_;
  PredictionsHost host_;
  std::atomic<cluster::Time> wanted_at_{};                      // last
  std::map<std::pair<std::string, std::string>, Known> known_;  // by name and content
  bool working_ = false;
};

// The settings with values in the place of zeros, as engine::complete_settings() finds them for the file's model.
wire::ServingSettings settings_for(const wire::LibraryModel& model, const wire::ServingSettings& given);

}  // namespace exogpu::node
