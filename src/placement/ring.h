// A ring of stages and its cost for one objective, in a form for searches.
//
// For every objective, a ring costs max(through + a·busiest, b·busiest): `through` is the time of one pass over all
// stages and hops, `busiest` the time for which the slowest stage or link is busy in it.
//   one sequence            a = 0       b = 0       every token makes one pass
//   G groups of sequences   a = 0       b = G       a round takes one pass, or G times the slowest stage or link
//   a prompt of C chunks    a = C - 1   b = 0       the first chunk passes, the others follow at the slowest's pace
// A ring of several stages cuts a prompt into the chunks with which it is through first.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "placement/cost.h"

namespace exogpu::placement {

struct Piece {
  size_t device = 0;
  wire::LayerRange layers;
  friend bool operator==(const Piece&, const Piece&) = default;
};
using Ring = std::vector<Piece>;  // in order; covers all layers

struct Cost {
  double through_s = 0;
  double busiest_s = 0;
};

class RingProblem {
 public:
  static RingProblem decode_alone(const CostModel& model);
  static RingProblem decode_groups(const CostModel& model, uint32_t groups);
  // Of the request's prompt, cut into chunks of at most so many tokens.
  static RingProblem first_token(const CostModel& model, uint32_t chunk);

  const CostModel& model() const { return *model_; }
  size_t devices() const { return usable_.size(); }
  uint32_t layers() const { return model_->layers(); }
  bool usable(size_t device) const { return usable_[device]; }
  void forbid(size_t device) { usable_[device] = false; }

  bool can_cut(uint32_t at) const { return model_->can_cut(at); }
  bool fits(size_t device, wire::LayerRange layers) const;
  // The furthest end, before the model's last layer, of a run from `begin` that fits; `begin` when no run fits. Where
  // the model cannot be cut everywhere some ends before it do not fit, see can_cut().
  uint32_t end_max(size_t device, uint32_t begin) const;

  // Adds one stage, without the hop to it.
  Cost with_stage(Cost cost, size_t device, wire::LayerRange layers) const;
  Cost with_hop(Cost cost, size_t from, size_t to) const;
  // Adds the hop from the last stage back to the first.
  Cost with_return(Cost cost, size_t last, size_t first) const;
  double value_s(Cost cost) const;
  bool busiest_matters() const { return add_busiest_ > 0 || times_busiest_ > 0; }

  // kNever when a link is missing or a run does not fit.
  double value_s(const Ring& ring) const;
  double stage_s(const Piece& piece) const;
  double hop_s(size_t from, size_t to) const { return model_->hop_s(from, to, hop_bytes_); }
  double return_s(size_t last, size_t first) const {
    return return_bytes_ > 0 ? model_->hop_s(last, first, return_bytes_) : 0;
  }
  double layers_s(size_t device, wire::LayerRange layers) const {
    return before_s_[device][layers.end] - before_s_[device][layers.begin];
  }
  double head_s(size_t device) const { return head_s_[device]; }

 private:
  // `work`: of each device.
  RingProblem(const CostModel& model, std::span<const Work> work, double head_outputs);

  bool has_room(size_t device, wire::LayerRange layers) const;

  const CostModel* model_;
  double add_busiest_ = 0;
  double times_busiest_ = 0;
  double hop_bytes_ = 0;
  double return_bytes_ = 0;     // 0: no hop back
  bool head_each_pass_ = true;  // else once, after the last pass
  std::vector<bool> usable_;
  std::vector<std::vector<double>> before_s_;  // of each device, of the layers before each one
  std::vector<double> head_s_;
};

// The defaults of the request.
uint32_t prompt_of(const PlacementRequest& request);
double context_mean_of(const PlacementRequest& request);

// The sizes of chunks to try for the request's prompt, descending from that of a step: those that rings take.
std::vector<uint32_t> chunk_sizes(const PlacementRequest& request);

// The numbers of groups of `sequences` to try: from one upwards, ascending.
std::vector<uint32_t> group_counts(uint32_t sequences);

// The plan of a ring that fits.
wire::PredictedSpeed predict(const CostModel& model, const Ring& ring);
wire::Plan plan_of(const CostModel& model, const Ring& ring);
// The ring of a plan of this view's devices.
Ring ring_of(const wire::ClusterView& view, const wire::Plan& plan);

}  // namespace exogpu::placement
