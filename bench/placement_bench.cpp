// How long the planner takes for 128 devices and 126 layers with all constraints on; what leaving out compute, memory,
// network or heat costs, over 200 made-up clusters; and a cluster of a fast, a slow and a hot device against equal
// cuts.
//
//   placement_bench
//
// Rates, sizes and links are of kinds of devices that people own. What a plan without one of the terms is worth is
// judged with all of them: by the rates that hot devices sustain, and with layers that do not fit read from a disk for
// each step.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <format>
#include <numeric>
#include <optional>
#include <print>
#include <vector>

#include "base/rng.h"
#include "placement/cost.h"
#include "placement/placement.h"
#include "placement/ring.h"

namespace {

using namespace exogpu;
using placement::PlacementRequest;

constexpr double kDiskBytesPerS = 2e9;
constexpr int kClusters = 200;
constexpr uint32_t kSequences = 8;

class Draw {
 public:
  explicit Draw(uint64_t seed) : seed_(seed) {}
  double between(double low, double high) { return low + (high - low) * random_unit(seed_, drawn_++); }
  size_t below(size_t count) {
    return std::min(count - 1, static_cast<size_t>(between(0, static_cast<double>(count))));
  }
  bool one_in(double count) { return between(0, count) < 1; }

 private:
  uint64_t seed_, drawn_ = 0;
};

struct Kind {
  const char* name;
  double memory_low, memory_high;  // bytes
  double rate_low, rate_high;      // bytes of weights per second
  double flops_per_byte;
  double sustained;  // share of the rates after half an hour
  double step_s;
};
constexpr Kind kKinds[] = {{"desktop GPU", 8e9, 24e9, 3e11, 9e11, 60, 0.95, 3e-5},
                           {"laptop", 8e9, 32e9, 6e10, 3e11, 30, 0.70, 1e-4},
                           {"fanless tablet", 6e9, 12e9, 5e10, 1e11, 25, 0.50, 2e-4},
                           {"phone", 3e9, 8e9, 3e10, 6e10, 20, 0.45, 3e-4},
                           {"processor", 12e9, 64e9, 2e10, 6e10, 12, 0.90, 1e-4}};
struct Network {
  double delay_s, bytes_per_s;
};
constexpr Network kNetworks[] = {{3e-3, 2e7}, {1.5e-3, 6e7}, {3e-4, 1.1e8}, {2e-4, 2.8e8}};

wire::NodeId node_id(size_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> bytes{};
  bytes[0] = static_cast<uint8_t>(number >> 8);
  bytes[1] = static_cast<uint8_t>(number);
  bytes[15] = 1;
  return wire::NodeId(bytes);
}

wire::DeviceProfile device_of(const Kind& kind, size_t number, Draw& draw) {
  wire::DeviceProfile device;
  device.id = {node_id(number), "gpu0"};
  device.node_name = std::format("n{}", number);
  device.name = kind.name;
  device.uses_host_memory = false;
  device.memory_free = static_cast<Bytes>(draw.between(kind.memory_low, kind.memory_high));
  const double rate = draw.between(kind.rate_low, kind.rate_high);
  device.memory_bytes_per_s = rate;
  device.rates = {{.type = "q4_K",
                   .bits_per_weight = 4.5,
                   .matvec_bytes_per_s = rate,
                   .matmul_flops_per_s = rate * kind.flops_per_byte}};
  device.step_s = kind.step_s;
  device.upload_bytes_per_s = device.download_bytes_per_s = 1e10;
  return device;
}

void slow_down(wire::DeviceProfile& device, double share) {
  device.memory_bytes_per_s *= share;
  for (wire::WeightRates& rates : device.rates) {
    rates.matvec_bytes_per_s *= share;
    rates.matmul_flops_per_s *= share;
  }
}

struct Cluster {
  wire::ClusterView view;         // with the rates that the devices sustain
  std::vector<double> sustained;  // share of the rates when they are cool
};

Cluster cluster_of(size_t devices, Draw& draw) {
  Cluster cluster;
  std::vector<Network> networks;
  for (size_t i = 0; i < devices; ++i) {
    const Kind& kind = kKinds[draw.below(std::size(kKinds))];
    wire::DeviceProfile device = device_of(kind, i, draw);
    cluster.sustained.push_back(kind.sustained);
    slow_down(device, kind.sustained);
    cluster.view.devices.push_back(std::move(device));
    networks.push_back(kNetworks[draw.below(std::size(kNetworks))]);
  }
  for (size_t a = 0; a < devices; ++a) {
    for (size_t b = 0; b < devices; ++b) {
      if (a == b) continue;
      cluster.view.links.push_back({.from = node_id(a),
                                    .to = node_id(b),
                                    .delay_s = std::max(networks[a].delay_s, networks[b].delay_s),
                                    .bytes_per_s = std::min(networks[a].bytes_per_s, networks[b].bytes_per_s)});
    }
  }
  return cluster;
}

wire::ModelShape shape_of(uint32_t layers, double bytes, uint32_t width) {
  wire::ModelShape shape;
  shape.name = "made up";
  shape.bits_per_weight = 4.5;
  shape.activation_width = width;
  shape.vocabulary = 128'000;
  const auto each = static_cast<Bytes>(bytes / layers);
  shape.layers.assign(layers, {.weight_bytes = each,
                               .active_weight_bytes = each,
                               .kv_bytes_per_token = 4096,
                               .flops_per_token = static_cast<double>(each) * 8 / 4.5 * 2});
  shape.embedding_bytes = shape.head_bytes = Bytes{width} * 128'000 / 2;
  shape.head_flops_per_token = 2.0 * width * 128'000;
  shape.compute_bytes = 200'000'000;
  return shape;
}

double memory_of(const wire::ClusterView& view) {
  double bytes = 0;
  for (const wire::DeviceProfile& device : view.devices) bytes += static_cast<double>(device.memory_free);
  return bytes;
}

// --- how long it takes

PlacementRequest all_constraints(const Cluster& cluster, wire::Objective objective, Draw& draw) {
  PlacementRequest request;
  request.serving.objective = objective;
  request.serving.sequences = objective == wire::Objective::throughput ? kSequences : 1;
  using placement::Rule;
  for (const wire::DeviceProfile& device : cluster.view.devices) {
    for (const Rule rule : {Rule::access, Rule::precision, Rule::power, Rule::battery, Rule::heat}) {
      if (draw.one_in(20)) request.rules.push_back({.device = device.id, .rule = rule, .reason = "made up"});
    }
    if (draw.one_in(10)) request.memory_spared[device.id] = device.memory_free / 2;
  }
  for (const wire::LinkProfile& link : cluster.view.links) {
    if (draw.one_in(50)) request.links_avoided.insert(std::minmax(link.from, link.to));
  }
  request.together = {{10, 13}, {60, 64}};
  return request;
}

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1];
}

void measure_time() {
  std::println("128 devices, 126 layers, all constraints, {} questions each; time of this thread's processor",
               kClusters);
  for (const auto objective : {wire::Objective::latency, wire::Objective::throughput, wire::Objective::first_token}) {
    std::vector<double> ms;
    int plans = 0, gave_up = 0;
    for (uint64_t seed = 0; seed < kClusters; ++seed) {
      Draw draw(seed);
      const Cluster cluster = cluster_of(128, draw);
      // Up to nearly all memory, where few plans are possible and soft constraints have to be given up.
      const wire::ModelShape shape =
          shape_of(126, draw.between(0.1, 0.95) * memory_of(cluster.view), static_cast<uint32_t>(16'384));
      const PlacementRequest request = all_constraints(cluster, objective, draw);
      timespec begin{}, end{};
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
      const auto result = placement::assign_layers(cluster.view, shape, request);
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
      ms.push_back(static_cast<double>(end.tv_sec - begin.tv_sec) * 1e3 +
                   static_cast<double>(end.tv_nsec - begin.tv_nsec) * 1e-6);
      plans += result ? 1 : 0;
      gave_up += result && !result->given_up.empty() ? 1 : 0;
    }
    std::println("  {:11}  p50 {:5.1f} ms  p99 {:5.1f} ms  most {:5.1f} ms  {} plans, {} gave up constraints",
                 to_string(objective), quantile(ms, 0.5), quantile(ms, 0.99), quantile(ms, 1), plans, gave_up);
  }
}

// --- what leaving out a term costs

enum class Without { nothing, compute, memory, network, heat };

wire::ClusterView as_seen(const Cluster& cluster, Without without) {
  wire::ClusterView view = cluster.view;
  double rate = 0;
  for (const wire::DeviceProfile& device : view.devices) rate += device.memory_bytes_per_s;
  rate /= static_cast<double>(view.devices.size());
  for (size_t i = 0; i < view.devices.size(); ++i) {
    wire::DeviceProfile& device = view.devices[i];
    if (without == Without::compute) {
      device.rates[0].matmul_flops_per_s = rate * 30;
      device.rates[0].matvec_bytes_per_s = device.memory_bytes_per_s = rate;
    }
    if (without == Without::memory) device.memory_free = Bytes{1} << 40;
    if (without == Without::heat) slow_down(device, 1 / cluster.sustained[i]);
  }
  for (wire::LinkProfile& link : view.links) {
    if (without == Without::network) link.delay_s = 0;
    if (without == Without::network) link.bytes_per_s = 1e15;
  }
  return view;
}

// Tokens per second of all sequences together with these layers on the devices as they are.
double true_speed(const Cluster& cluster, const wire::ModelShape& shape, const PlacementRequest& request,
                  const std::vector<placement::AssignedLayers>& stages) {
  wire::ClusterView roomy = cluster.view;
  for (wire::DeviceProfile& device : roomy.devices) device.memory_free = Bytes{1} << 40;
  PlacementRequest fixed = request;
  fixed.fixed_layers = stages;
  const auto result = placement::assign_layers(roomy, shape, fixed);
  if (!result) return 0;
  double round_s = kSequences / result->plan.predicted.tokens_per_s_parallel;
  for (const wire::Stage& stage : result->plan.stages) {
    const auto device = std::ranges::find(cluster.view.devices, stage.device, &wire::DeviceProfile::id);
    if (stage.memory.total() > device->memory_free)
      round_s += static_cast<double>(stage.memory.total() - device->memory_free) / kDiskBytesPerS;
  }
  return kSequences / round_s;
}

std::vector<placement::AssignedLayers> stages_of(const wire::Plan& plan) {
  std::vector<placement::AssignedLayers> stages;
  for (const wire::Stage& stage : plan.stages) stages.push_back({.device = stage.device, .layers = stage.layers});
  return stages;
}

void measure_terms() {
  std::println("\n{} clusters of 3 to 10 devices, {} sequences; mean tokens/s, and what is lost", kClusters,
               kSequences);
  double all = 0;
  for (const auto& [without, name] : {std::pair(Without::nothing, "all terms"),
                                      {Without::compute, "without compute"},
                                      {Without::memory, "without memory"},
                                      {Without::network, "without network"},
                                      {Without::heat, "without heat"}}) {
    double sum = 0;
    int worse = 0;
    for (uint64_t seed = 0; seed < kClusters; ++seed) {
      Draw draw(1000 + seed);
      const Cluster cluster = cluster_of(3 + draw.below(8), draw);
      const wire::ModelShape shape = shape_of(static_cast<uint32_t>(draw.between(24, 64)),
                                              draw.between(0.15, 0.8) * memory_of(cluster.view), 4096);
      PlacementRequest request;
      request.serving.objective = wire::Objective::throughput;
      request.serving.sequences = kSequences;
      request.serving.context = 2048;
      const auto speed = [&](Without left_off) {
        const auto result = placement::assign_layers(as_seen(cluster, left_off), shape, request);
        return result ? true_speed(cluster, shape, request, stages_of(result->plan)) : 0;
      };
      const double mine = speed(without);
      sum += mine;
      if (without != Without::nothing) worse += mine < speed(Without::nothing) * 0.99 ? 1 : 0;
    }
    if (without == Without::nothing) all = sum;
    std::println("  {:16} {:7.2f}  {:5.1f} %  slower by more than 1 % in {} clusters", name, sum / kClusters,
                 100 * (sum / all - 1), worse);
  }
}

// --- against equal cuts

void measure_equal_cuts() {
  std::println("\nA fast, a slow and a hot device, 40 layers of 20 GB; tokens/s of one sequence");
  Draw draw(1);
  Cluster cluster;
  const Kind kinds[] = {{"fast", 16e9, 16e9, 8e11, 8e11, 60, 1, 3e-5},
                        {"slow", 32e9, 32e9, 5e10, 5e10, 12, 1, 1e-4},
                        {"hot", 16e9, 16e9, 3e11, 3e11, 30, 0.4, 1e-4}};
  for (size_t i = 0; i < 3; ++i) {
    wire::DeviceProfile device = device_of(kinds[i], i, draw);
    slow_down(device, kinds[i].sustained);
    cluster.sustained.push_back(kinds[i].sustained);
    cluster.view.devices.push_back(std::move(device));
    for (size_t j = 0; j < 3; ++j) {
      if (i != j) cluster.view.links.push_back({node_id(i), node_id(j), 3e-4, 1.1e8});
    }
  }
  const wire::ModelShape shape = shape_of(40, 20e9, 4096);
  PlacementRequest request;
  const auto planned = placement::assign_layers(cluster.view, shape, request);
  request.fixed_layers = {{cluster.view.devices[0].id, {0, 14}},
                          {cluster.view.devices[1].id, {14, 27}},
                          {cluster.view.devices[2].id, {27, 40}}};
  const auto equal = placement::assign_layers(cluster.view, shape, request);
  if (!planned || !equal) return std::println("  no plan");
  const double a = planned->plan.predicted.tokens_per_s_alone, b = equal->plan.predicted.tokens_per_s_alone;
  std::println("  planned {:.2f}, equal cuts {:.2f}: {:.2f} times", a, b, a / b);
}

}  // namespace

int main() {
  measure_time();
  measure_terms();
  measure_equal_cuts();
  return 0;
}
