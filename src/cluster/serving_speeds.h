// How fast devices and links are while they serve, against what the planner predicts by their profiles.
//
// A profile is measured once, with a few products of matrices or a burst of bytes. What a stage takes for a step, and
// what lies between two stages, differs from what follows from it: other sizes, caches, a driver, threads that wake up.
// So each node compares the steps of its stages, and of the rings that begin there, with their predictions, and plans
// use what it found. It differs from model to model: the matrices of one fill a device or a cache, those of another do
// not. A model that was not served yet counts as the others of its weight type.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cluster/speed_ratio.h"
#include "placement/cost.h"
#include "wire/cluster_log.h"
#include "wire/condition.h"

namespace exogpu::cluster {

// A step of a stage, computed by a device that did nothing else and had nothing that slows it down.
struct StepTime {
  wire::LayerRange layers;
  placement::Work work;
  double head_outputs = 0;  // of the last stage: tokens behind which another is chosen
  double took_s = 0;
};

// Of the devices of one node.
class ServingSpeeds {
 public:
  // Steps of a model on a device with this profile, which is that of the node's facts, while other programs left
  // `share` of it. Those in which reading weights and computing with them take about as long tell nothing of either and
  // do not count.
  void add(const wire::DeviceProfile& device, const wire::ServedModel& model, double share,
           std::span<const StepTime> steps, Time now);
  // What is to be reported now: in steps so coarse that it seldom changes.
  const std::vector<wire::MeasuredSpeed>& update(Time now);
  // As of the last update().
  const std::vector<wire::MeasuredSpeed>& reported() const { return reported_; }

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // device, type, content of the model
  std::map<Key, SpeedRatios> ratios_;
  std::vector<wire::MeasuredSpeed> reported_;
  std::optional<Time> changed_at_;  // or begun to measure
};

// A step that was alone in its ring: all that it took but for the time in which stages computed.
struct TripTime {
  double tokens = 1;
  double between_s = 0;
};

// Of the links of rings that begin at one node. What a step takes between the stages is known only for all links of a
// ring together, so each gets the same ratio.
class LinkSpeeds {
 public:
  // `view`: with the profiles of the links and of the stages' devices.
  void add(const wire::ClusterView& view, const wire::ServedModel& model, const wire::StagePlan& plan,
           std::span<const TripTime> trips, Time now);
  const std::vector<wire::MeasuredLink>& update(Time now);
  const std::vector<wire::MeasuredLink>& reported() const { return reported_; }

 private:
  std::map<std::pair<wire::NodeId, wire::NodeId>, SpeedRatios> ratios_;
  std::vector<wire::MeasuredLink> reported_;
  std::optional<Time> changed_at_;  // or begun to measure
};

// The profile as a plan for the model needs it: all times as they were measured with the model or, before it was
// served, in the mean of others with the weight type that counts for it.
void correct(wire::DeviceProfile& device, const std::vector<wire::MeasuredSpeed>& speeds,
             const wire::ServedModel& model);
// Likewise, by what any of the nodes has measured; of several, the slowest.
void correct(wire::LinkProfile& link, const wire::NodeRecords& nodes);

// What to tell people of a device that is much faster or slower than its profile: "measured at 0.6 of its profile's
// rate while serving (steps of answers, q4_K weights)". Empty when it is not.
std::string mismatch_of(const std::string& device, const std::vector<wire::MeasuredSpeed>& speeds);

}  // namespace exogpu::cluster
