#include "cluster/serving_speeds.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <set>

#include "placement/precision.h"

namespace exogpu::cluster {

using namespace wire;

namespace {

constexpr double kClearly = 2;     // times as long as the other
constexpr double kMismatch = 1.5;  // the factor by which a profile is wrong that people are told of

// What a step takes by the profile.
struct Predicted {
  double weights_s = 0, products_s = 0;  // of all layers and the head
  double rest_s = 0;
};

Predicted by_profile(const placement::CostModel& model, const StepTime& step) {
  Predicted sum{.rest_s = model.step_s(0)};
  const auto add = [&sum](const placement::WorkTime& time) {
    sum.weights_s += time.weights_s;
    sum.products_s += time.products_s;
    sum.rest_s += time.rest_s;
  };
  for (uint32_t layer = step.layers.begin; layer < step.layers.end; ++layer) add(model.layer(0, layer, step.work));
  if (step.layers.end == model.layers() && step.head_outputs > 0) {
    add(model.head(0, {.tokens = step.work.tokens, .kv_tokens = 0, .outputs = step.head_outputs}));
  }
  return sum;
}

// Of the links between the stages of a ring.
struct Between {
  std::vector<std::pair<NodeId, NodeId>> links;
  double delay_s = 0, sending_s = 0;
  double rest_s = 0;  // between the memories of host and device
};

Between by_profile(const placement::CostModel& model, const StagePlan& plan, double tokens) {
  constexpr double token_bytes = 4;
  Between sum;
  const auto index_of = [&](const DeviceRef& device) {
    return static_cast<size_t>(std::ranges::find(model.view().devices, device, &DeviceProfile::id) -
                               model.view().devices.begin());
  };
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const bool last = i + 1 == plan.stages.size();
    const DeviceRef &from = plan.stages[i].device, &to = plan.stages[last ? 0 : i + 1].device;
    const size_t a = index_of(from), b = index_of(to);
    if (a == model.devices() || b == model.devices()) return {};
    if (from.node == to.node) continue;
    const double bytes = last ? token_bytes : model.activation_bytes(tokens),
                 sending_s = model.link_busy_s(a, b, bytes);
    const double delay_s = model.hop_s(a, b, 0);
    sum.links.emplace_back(from.node, to.node);
    sum.delay_s += delay_s;
    sum.sending_s += sending_s;
    sum.rest_s += model.hop_s(a, b, bytes) - delay_s - sending_s;
  }
  return sum;
}

// Whether it is time for another report, with these entries.
template <typename Measured>
void replace(std::vector<Measured>& reported, std::vector<Measured> next, std::optional<Time>& changed_at, Time now) {
  if (next == reported) return;
  changed_at = now;
  reported = std::move(next);
}

bool is_early(const std::optional<Time>& changed_at, Time now) {
  return changed_at && now < *changed_at + kSpeedsEvery;
}

bool same_profile(const MeasuredSpeed& a, const MeasuredSpeed& b) { return a.device == b.device && a.type == b.type; }

// As shares: the model's own or, without one, the mean of the others'.
std::optional<std::pair<double, double>> few_and_many(const std::vector<MeasuredSpeed>& speeds,
                                                      const MeasuredSpeed& of) {
  double few = 0, many = 0, count = 0;
  for (const MeasuredSpeed& speed : speeds) {
    if (!same_profile(speed, of)) continue;
    const bool own = speed.content == of.content;
    if (own) few = many = count = 0;
    few += std::log(speed.percent.few / 100.0);
    many += std::log(speed.percent.many / 100.0);
    ++count;
    if (own) break;
  }
  if (count == 0) return std::nullopt;
  return std::pair(std::exp(few / count), std::exp(many / count));
}

bool is_far_off(uint32_t percent) { return percent > 100 * kMismatch || percent < 100 / kMismatch; }

}  // namespace

void ServingSpeeds::add(const DeviceProfile& device, const ServedModel& model, double share,
                        std::span<const StepTime> steps, Time now) {
  const ClusterView view = placement::with_conversions({.devices = {device}, .links = {}}, model.shape);
  const WeightRates* rates = placement::rates_for(device, model.shape);
  if (rates == nullptr || share <= 0) return;
  placement::PlacementRequest request;
  request.serving = model.settings;
  const placement::CostModel cost(view, model.shape, request);
  const Key key(device.id.device, rates->type, model.content);
  if (ratios_.size() == kSpeedsMax && !ratios_.contains(key)) return;
  if (!changed_at_) changed_at_ = now;
  SpeedRatios& ratios = ratios_[key];
  for (const StepTime& step : steps) {
    if (step.took_s <= 0 || step.work.outputs <= 0 || step.layers.end > cost.layers()) continue;
    const Predicted predicted = by_profile(cost, step);
    const double took_s = step.took_s * share;
    if (predicted.weights_s >= kClearly * predicted.products_s) {
      ratios.few.add((predicted.weights_s + predicted.rest_s) / took_s, now);
    } else if (predicted.products_s >= kClearly * predicted.weights_s && predicted.products_s >= predicted.rest_s) {
      // The rest is as fast as in steps of few tokens, and most of the time has to remain.
      const double rest_s = predicted.rest_s / ratios.few.value(now);
      ratios.many.add(predicted.products_s / std::max(took_s - rest_s, took_s / 2), now);
    }
  }
}

const std::vector<MeasuredSpeed>& ServingSpeeds::update(Time now) {
  if (is_early(changed_at_, now)) return reported_;
  std::vector<MeasuredSpeed> next;
  for (const auto& [key, ratios] : ratios_) {
    const auto& [device, type, content] = key;
    MeasuredSpeed speed{.device = device, .type = type, .content = content};
    const auto before = std::ranges::find_if(
        reported_, [&](const MeasuredSpeed& each) { return same_profile(each, speed) && each.content == content; });
    if (before != reported_.end()) speed.percent = before->percent;
    ratios.report(speed.percent, now);
    next.push_back(std::move(speed));
  }
  // Where all models are as fast as predicted, there is nothing to tell.
  std::erase_if(next, [all = next](const MeasuredSpeed& each) {
    return std::ranges::all_of(all, [&](const MeasuredSpeed& other) {
      return !same_profile(each, other) || other.percent == MeasuredPercent();
    });
  });
  replace(reported_, std::move(next), changed_at_, now);
  return reported_;
}

void LinkSpeeds::add(const ClusterView& view, const ServedModel& model, const StagePlan& plan,
                     std::span<const TripTime> trips, Time now) {
  placement::PlacementRequest request;
  request.serving = plan.settings;
  const placement::CostModel cost(view, model.shape, request);
  if (!changed_at_) changed_at_ = now;
  for (const TripTime& trip : trips) {
    const Between predicted = by_profile(cost, plan, trip.tokens);
    for (const auto& link : predicted.links) {
      if (ratios_.size() == kSpeedsMax && !ratios_.contains(link)) return;
      SpeedRatios& ratios = ratios_[link];
      const double most_s = trip.between_s / 2;  // so much of the time has to remain
      if (predicted.delay_s >= kClearly * predicted.sending_s) {
        const double rest_s = predicted.sending_s + predicted.rest_s;
        ratios.few.add(predicted.delay_s / std::max(trip.between_s - rest_s, most_s), now);
      } else if (predicted.sending_s >= kClearly * predicted.delay_s) {
        const double rest_s = predicted.delay_s / ratios.few.value(now) + predicted.rest_s;
        ratios.many.add(predicted.sending_s / std::max(trip.between_s - rest_s, most_s), now);
      }
    }
  }
}

const std::vector<MeasuredLink>& LinkSpeeds::update(Time now) {
  if (is_early(changed_at_, now)) return reported_;
  std::vector<MeasuredLink> next;
  for (const auto& [link, ratios] : ratios_) {
    const auto before = std::ranges::find_if(
        reported_, [&](const MeasuredLink& each) { return each.from == link.first && each.to == link.second; });
    next.push_back(before != reported_.end() ? *before : MeasuredLink{.from = link.first, .to = link.second});
    ratios.report(next.back().percent, now);
  }
  std::erase_if(next, [](const MeasuredLink& each) { return each.percent == MeasuredPercent(); });
  replace(reported_, std::move(next), changed_at_, now);
  return reported_;
}

void correct(DeviceProfile& device, const std::vector<MeasuredSpeed>& speeds, const ServedModel& model) {
  const WeightRates* rates = placement::rates_for(device, model.shape);
  if (rates == nullptr) return;
  const auto shares = few_and_many(speeds, {.device = device.id.device, .type = rates->type, .content = model.content});
  if (!shares) return;
  const auto [few, many] = *shares;
  WeightRates& corrected = device.rates[static_cast<size_t>(rates - device.rates.data())];
  corrected.matvec_bytes_per_s *= few;
  corrected.matmul_flops_per_s *= many;
  device.memory_bytes_per_s *= few;
  device.step_s /= few;
  device.exchange_s /= few;
  device.exchange_bytes_per_s *= many;
}

void correct(LinkProfile& link, const NodeRecords& nodes) {
  std::optional<MeasuredPercent> slowest;
  for (const auto& [id, node] : nodes) {
    if (!node.online) continue;
    for (const MeasuredLink& each : node.condition.links) {
      if (each.from != link.from || each.to != link.to) continue;
      const MeasuredPercent before = slowest.value_or(each.percent);
      slowest = {.few = std::min(before.few, each.percent.few), .many = std::min(before.many, each.percent.many)};
    }
  }
  if (!slowest) return;
  link.delay_s *= 100.0 / slowest->few;
  link.bytes_per_s *= slowest->many / 100.0;
}

std::string mismatch_of(const std::string& device, const std::vector<MeasuredSpeed>& speeds) {
  std::string text;
  std::set<std::pair<std::string, std::string>> told;  // one model of those with the same weights is enough
  for (const MeasuredSpeed& speed : speeds) {
    if (speed.device != device) continue;
    for (const auto& [percent, of] :
         {std::pair(speed.percent.few, "of answers"), std::pair(speed.percent.many, "of prompts")}) {
      if (!is_far_off(percent) || !told.emplace(speed.type, of).second) continue;
      text += std::format("{}measured at {:.2g} of its profile's rate while serving (steps {}, {} weights)",
                          text.empty() ? "" : "; ", percent / 100.0, of, speed.type);
    }
  }
  return text;
}

}  // namespace exogpu::cluster
