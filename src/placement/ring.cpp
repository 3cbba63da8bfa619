#include "placement/ring.h"

#include <algorithm>
#include <bit>

#include "placement/efficiency.h"
#include "placement/input.h"
#include "wire/prompt_steps.h"

namespace exogpu::placement {
namespace {

constexpr double kTokenBytes = 4;  // a token, from the last stage to the first
constexpr uint32_t kPromptDefault = 512;
constexpr double kContextMeanOfPool = 2048;

}  // namespace

uint32_t prompt_of(const PlacementRequest& request) {
  return request.prompt > 0 ? request.prompt : std::min(request.serving.context, kPromptDefault);
}

double context_mean_of(const PlacementRequest& request) {
  if (request.context_mean > 0) return request.context_mean;
  const double half = request.serving.context / 2.0;
  return request.serving.pool_tokens > 0 ? std::min(half, kContextMeanOfPool) : half;
}

RingProblem::RingProblem(const CostModel& model, std::span<const Work> work, double head_outputs)
    : model_(&model),
      hop_bytes_(work.empty() ? 0 : model.activation_bytes(work.front().tokens)),
      usable_(model.devices(), true) {
  for (size_t d = 0; d < model.devices(); ++d) {
    std::vector<double>& before = before_s_.emplace_back(1, 0.0);
    for (uint32_t l = 0; l < model.layers(); ++l) before.push_back(before.back() + model.layer_s(d, l, work[d]));
    head_s_.push_back(model.head_s(d, {.tokens = work[d].tokens, .kv_tokens = 0, .outputs = head_outputs}));
  }
}

RingProblem RingProblem::decode_alone(const CostModel& model) {
  const std::vector<Work> work(model.devices(),
                               {.tokens = 1, .kv_tokens = context_mean_of(model.request()), .outputs = 1});
  RingProblem problem(model, work, 1);
  problem.return_bytes_ = kTokenBytes;
  return problem;
}

RingProblem RingProblem::decode_groups(const CostModel& model, uint32_t groups) {
  const uint32_t sequences = model.request().serving.sequences;
  const uint32_t largest = (sequences + groups - 1) / groups;
  const double each = largest;
  const std::vector<Work> work(model.devices(),
                               {.tokens = each, .kv_tokens = each * context_mean_of(model.request()), .outputs = each});
  RingProblem problem(model, work, each);
  problem.return_bytes_ = kTokenBytes * each;
  problem.times_busiest_ = groups;
  return problem;
}

RingProblem RingProblem::first_token(const CostModel& model, uint32_t chunk) {
  const uint32_t prompt = prompt_of(model.request());
  const uint32_t chunks = prompt / chunk + (prompt % chunk == 0 ? 0 : 1);
  const double each = static_cast<double>(prompt) / chunks;
  // On average over the chunks, half of the prompt is in the cache.
  std::vector<Work> work;
  for (size_t d = 0; d < model.devices(); ++d) {
    work.push_back({.tokens = each, .kv_tokens = prompt / 2.0, .outputs = 1, .products = model.products(d, each)});
  }
  RingProblem problem(model, work, 1);
  problem.add_busiest_ = chunks - 1;
  problem.head_each_pass_ = false;
  return problem;
}

bool RingProblem::fits(size_t device, wire::LayerRange layers) const {
  return can_cut(layers.begin) && can_cut(layers.end) && has_room(device, layers);
}

bool RingProblem::has_room(size_t device, wire::LayerRange layers) const {
  return model_->memory(layers).total() <= model_->memory_free(device);
}

uint32_t RingProblem::end_max(size_t device, uint32_t begin) const {
  uint32_t low = begin, high = layers() - 1;  // a run up to `low` fits or is empty
  while (low < high) {
    const uint32_t middle = low + (high - low + 1) / 2;
    if (has_room(device, {begin, middle})) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  while (low > begin && !can_cut(low)) --low;
  return can_cut(begin) ? low : begin;
}

Cost RingProblem::with_stage(Cost cost, size_t device, wire::LayerRange layers) const {
  double busy_s = layers_s(device, layers) + model_->step_s(device);
  const double head_s = layers.end == this->layers() ? head_s_[device] : 0;
  if (head_each_pass_) busy_s += head_s;
  cost.through_s += busy_s + (head_each_pass_ ? 0 : head_s);
  cost.busiest_s = std::max(cost.busiest_s, busy_s);
  return cost;
}

Cost RingProblem::with_hop(Cost cost, size_t from, size_t to) const {
  cost.through_s += hop_s(from, to);
  cost.busiest_s = std::max(cost.busiest_s, model_->link_busy_s(from, to, hop_bytes_));
  return cost;
}

Cost RingProblem::with_return(Cost cost, size_t last, size_t first) const {
  if (last == first) return cost;
  cost.through_s += return_s(last, first);
  return cost;
}

double RingProblem::value_s(Cost cost) const {
  return std::max(cost.through_s + add_busiest_ * cost.busiest_s, times_busiest_ * cost.busiest_s);
}

double RingProblem::stage_s(const Piece& piece) const { return with_stage({}, piece.device, piece.layers).through_s; }

double RingProblem::value_s(const Ring& ring) const {
  Cost cost;
  for (size_t i = 0; i < ring.size(); ++i) {
    if (!fits(ring[i].device, ring[i].layers)) return kNever;
    if (i > 0) cost = with_hop(cost, ring[i - 1].device, ring[i].device);
    cost = with_stage(cost, ring[i].device, ring[i].layers);
  }
  return value_s(with_return(cost, ring.back().device, ring.front().device));
}

std::vector<uint32_t> chunk_sizes(const PlacementRequest& request) {
  const uint32_t most = request.serving.batch_tokens;
  std::vector<uint32_t> sizes = {most};
  for (uint32_t size = std::bit_floor(std::min(most, prompt_of(request)) - 1); size >= wire::kQueriesAtOnce; size /= 2)
    sizes.push_back(size);
  return sizes;
}

std::vector<uint32_t> group_counts(uint32_t sequences) {
  std::vector<uint32_t> counts;
  for (uint32_t power = 1; power <= sequences; power *= 2) {
    counts.push_back(power);
    if (power >= 2 && power + power / 2 <= sequences) counts.push_back(power + power / 2);
  }
  return counts;
}

wire::PredictedSpeed predict(const CostModel& model, const Ring& ring) {
  wire::PredictedSpeed speed;
  speed.tokens_per_s_alone = 1 / RingProblem::decode_alone(model).value_s(ring);
  speed.first_token_s = kNever;
  for (uint32_t chunk : chunk_sizes(model.request())) {
    speed.first_token_s = std::min(speed.first_token_s, RingProblem::first_token(model, chunk).value_s(ring));
    if (ring.size() == 1) break;  // one stage takes whole steps
  }
  for (uint32_t groups : group_counts(model.request().serving.sequences)) {
    const double round_s = RingProblem::decode_groups(model, groups).value_s(ring);
    speed.tokens_per_s_parallel = std::max(speed.tokens_per_s_parallel, model.request().serving.sequences / round_s);
  }
  speed.joules_per_token = joules_per_token(model, ring);
  return speed;
}

wire::Plan plan_of(const CostModel& model, const Ring& ring) {
  wire::Plan plan;
  plan.model = model.shape().name;
  plan.activations = model.request().serving.activations;
  const RingProblem alone = RingProblem::decode_alone(model);
  for (size_t i = 0; i < ring.size(); ++i) {
    wire::Stage stage;
    stage.device = model.view().devices[ring[i].device].id;
    stage.layers = ring[i].layers;
    stage.memory = model.memory(ring[i].layers);
    stage.decode_s = alone.stage_s(ring[i]);
    if (i + 1 < ring.size()) {
      stage.hop_s = alone.hop_s(ring[i].device, ring[i + 1].device);
    } else if (ring.size() > 1) {
      stage.hop_s = alone.return_s(ring[i].device, ring.front().device);
    }
    plan.stages.push_back(std::move(stage));
  }
  plan.predicted = predict(model, ring);
  return plan;
}

Ring ring_of(const wire::ClusterView& view, const wire::Plan& plan) {
  Ring ring;
  for (const wire::Stage& stage : plan.stages) ring.push_back({index_of(view, stage.device), stage.layers});
  return ring;
}

}  // namespace exogpu::placement
