#include "placement/efficiency.h"

#include <algorithm>
#include <array>
#include <utility>

namespace exogpu::placement {
namespace {

// Of the power of the device that draws most: what a second of time is worth, in W. The first looks for the least
// energy alone; the more a second is worth, the more of the fast devices are in the ring.
constexpr std::array kSecondIsWorth = {0.001, 0.1, 0.5, 2.0, 8.0};

// What is minimised is joules + worth * seconds, a sum over all stages and hops. That is the time of one pass where
// each device is slower by its power.
wire::DeviceProfile slowed_down(wire::DeviceProfile device, double times) {
  device.memory_bytes_per_s /= times;
  for (wire::WeightRates& rates : device.rates) {
    rates.matvec_bytes_per_s /= times;
    rates.matmul_flops_per_s /= times;
  }
  device.step_s *= times;
  device.exchange_s *= times;
  device.exchange_bytes_per_s /= times;
  return device;
}

double watts_most(const wire::ClusterView& view) {
  double most = 0;
  for (const wire::DeviceProfile& device : view.devices) most = std::max(most, device.active_w);
  return most;
}

double speed_of(const CostModel& model, const Ring& ring) { return 1 / RingProblem::decode_alone(model).value_s(ring); }

// As joules_per_token(), where `unknown_w` stands for what is not known.
double joules(const CostModel& model, const Ring& ring, double unknown_w) {
  const RingProblem alone = RingProblem::decode_alone(model);
  double sum = 0;
  for (const Piece& piece : ring) {
    const double watts = model.view().devices[piece.device].active_w;
    sum += alone.stage_s(piece) * (watts > 0 ? watts : unknown_w);
  }
  return sum;
}

}  // namespace

double joules_per_token(const CostModel& model, const Ring& ring) {
  const bool known =
      std::ranges::all_of(ring, [&](const Piece& piece) { return model.view().devices[piece.device].active_w > 0; });
  return known ? joules(model, ring, 0) : 0;
}

Ring most_efficient(const Planner& planner, const Ring& fastest) {
  const CostModel& model = planner.model;
  const double most_w = watts_most(model.view());
  if (most_w == 0) return fastest;
  PlacementRequest request = model.request();
  request.serving.objective = wire::Objective::latency;
  const double speed_least = kEfficientSpeedLeast * speed_of(model, fastest) * (1 - 1e-9);
  std::pair best{joules(model, fastest, most_w), fastest};
  for (const double worth : kSecondIsWorth) {
    wire::ClusterView view = model.view();
    for (wire::DeviceProfile& device : view.devices) {
      const double watts = device.active_w > 0 ? device.active_w : most_w;
      device = slowed_down(std::move(device), 1 + watts / (worth * most_w));
    }
    const auto found = assign_layers(view, model.shape(), request);
    if (!found) continue;
    const Ring ring = ring_of(view, found->plan);
    if (speed_of(model, ring) < speed_least) continue;
    const double taken = joules(model, ring, most_w);
    if (taken < best.first * (1 - 1e-9)) best = {taken, ring};
  }
  return best.second;
}

}  // namespace exogpu::placement
