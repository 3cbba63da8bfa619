#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "gpu/buffer.h"
#include "gpu/cpu_threads/own_team.h"
#include "gpu/host.h"
#include "gpu/profile/bandwidth.h"
#include "gpu/profile/products.h"
#include "gpu/profile/profile.h"

namespace exogpu::gpu {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::array kTypes = {GGML_TYPE_Q4_K, GGML_TYPE_Q8_0, GGML_TYPE_F16};

// A pass should take this long: long against the clock and the cost of starting it, short against the time limit.
constexpr double kMatvecPass_s = 0.008;
constexpr double kMatmulPass_s = 0.025;
constexpr Bytes kWeightsMax = 512 * MiB;
constexpr int kPairsMax = 16;
constexpr int kColumnsMax = 512;
constexpr Bytes kCopyMax = 32 * MiB;

double since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// The times of calls, after one that warms up: as many as the slice has room for, in twice of it at least `least`, and
// one in any case.
template <typename Call>
Result<std::vector<double>> times_of(double slice_s, size_t least, Call&& call) {
  constexpr size_t kMost = 100;
  EXO_CHECK(call());
  auto start = SteadyClock::now();
  std::vector<double> times;
  while (times.empty() || (times.size() < least && since(start) < 2 * slice_s) ||
         (times.size() < kMost && since(start) < slice_s)) {
    EXO_TRY(double took, call());
    times.push_back(std::max(took, 1e-9));
  }
  return times;
}

template <typename Call>
Result<double> median_time(double slice_s, Call&& call) {
  EXO_TRY(std::vector<double> times, times_of(slice_s, 3, call));
  auto middle = times.begin() + static_cast<ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

// How long a measurement may take, and whether one was disturbed.
struct Pace {
  double slice_s = 0;
  bool disturbed = false;
};

template <typename Call>
Result<double> product_time(Pace& pace, double share, Call&& call) {
  EXO_TRY(std::vector<double> times, times_of(pace.slice_s * share, 3, call));
  return undisturbed_time(std::move(times), pace.disturbed);
}

// What a call takes when nothing disturbs it: of a call too short to measure, the better guess for a longer one.
template <typename Call>
Result<double> least_time(double slice_s, Call&& call) {
  EXO_TRY(std::vector<double> times, times_of(slice_s, 10, call));
  return std::ranges::min(times);
}

struct Size {
  int level = 0;
  int pairs = 1;
};

// The widest matrices, and as many of them, as make up about `wanted` bytes.
Size size_for(ggml_type type, double wanted_bytes) {
  Size size;
  while (size.level + 1 < kLevels && static_cast<double>(pair_bytes(type, size.level + 1)) <= wanted_bytes)
    ++size.level;
  double pairs = wanted_bytes / static_cast<double>(pair_bytes(type, size.level));
  size.pairs = static_cast<int>(std::clamp(pairs, 1.0, static_cast<double>(kPairsMax)));
  return size;
}

struct Matvec {
  Weights weights;
  double bytes_per_s = 0;
};

Result<double> time_of_pass(bool sizing, Pace& pace, ProductGraph& graph) {
  if (sizing) return least_time(pace.slice_s / 4, [&] { return graph.run(); });
  return product_time(pace, 1, [&] { return graph.run(); });
}

// Small weights give the device's approximate speed; the next ones are as large as a pass of the wanted length reads.
Result<Matvec> measure_matvec(Bench& bench, ggml_type type, ggml_backend_buffer_type_t layout, Bytes most, Pace& pace) {
  std::optional<Matvec> best;
  Size size;
  for (int attempt = 0; attempt < 3; ++attempt) {
    best.reset();  // frees the smaller weights before the larger ones are made
    EXO_TRY(Weights weights, Weights::make(bench, type, size.level, size.pairs, layout));
    EXO_TRY(ProductGraph graph, ProductGraph::make(bench, weights, size.pairs, 1));
    EXO_TRY(double pass_s, time_of_pass(attempt == 0, pace, graph));
    double bytes = static_cast<double>(pair_bytes(type, size.level)) * size.pairs;
    best.emplace(std::move(weights), bytes / pass_s);
    Size larger = size_for(type, std::min(bytes * kMatvecPass_s / pass_s, static_cast<double>(most)));
    double growth = static_cast<double>(pair_bytes(type, larger.level)) * larger.pairs / bytes;
    // The smallest weights only determine the size of the next; after those, the next only when the guess was far off.
    if (growth < (attempt == 0 ? 1.01 : 3)) break;
    size = larger;
  }
  return *std::move(best);
}

Result<double> measure_matmul(Bench& bench, const Weights& weights, Pace& pace) {
  double flops_per_column = 2.0 * static_cast<double>(pair_elements(weights.level()));
  int columns = 16;
  int pairs = 1;
  double flops_per_s = 0;
  // The first guesses are low: few columns do not fill a GPU, and it clocks up only when it has work.
  for (int attempt = 0; attempt < 6; ++attempt) {
    EXO_TRY(ProductGraph graph, ProductGraph::make(bench, weights, pairs, columns));
    EXO_TRY(double pass_s, time_of_pass(attempt == 0, pace, graph));
    flops_per_s = flops_per_column * columns * pairs / pass_s;
    double wanted = flops_per_s * kMatmulPass_s / flops_per_column;
    int more_columns = static_cast<int>(std::clamp(wanted, 1.0 * columns, 1.0 * kColumnsMax)) / 16 * 16;
    int more_pairs = static_cast<int>(std::clamp(wanted / kColumnsMax, 1.0, 1.0 * weights.pairs()));
    double growth = static_cast<double>(more_columns) * more_pairs / (static_cast<double>(columns) * pairs);
    if (growth < 1.5) break;
    columns = more_columns;
    pairs = more_pairs;
  }
  return flops_per_s;
}

// The straight line through the times of a product with few and with many columns, and where it begins.
Result<double> measure_fixed_columns(Bench& bench, const Weights& weights, Pace& pace) {
  constexpr int few = 128;
  constexpr int many = 512;
  const int pairs = std::min(weights.pairs(), 8);
  double seconds[2] = {};
  for (int i : {0, 1}) {
    EXO_TRY(ProductGraph graph, ProductGraph::make(bench, weights, pairs, i == 0 ? few : many));
    EXO_TRY(seconds[i], product_time(pace, 0.25, [&] { return graph.run(); }));
  }
  const double each = (seconds[1] - seconds[0]) / (many - few);
  return each > 0 ? std::clamp(seconds[0] / each - few, 0.0, 1.0 * many) : many;
}

// Copies of pinned memory where the device has it, as large as a short slice allows.
Result<void> measure_copies(const Device& device, double slice_s, Profile& profile) {
  EXO_TRY(std::shared_ptr<DeviceMemory> memory, DeviceMemory::open(device));
  Bytes size = std::min(kCopyMax, memory->info().free / 16);
  if (size == 0) return fail(ErrorCode::out_of_memory, "{}: no memory is free to measure copies", device.info().id);
  EXO_TRY(Buffer buffer, Buffer::allocate(memory, size));
  EXO_TRY(HostBuffer host, HostBuffer::allocate(device, size));
  std::ranges::fill(host.bytes(), std::byte{1});
  auto timed = [&](auto&& copy) {
    return median_time(slice_s, [&]() -> Result<double> {
      auto start = SteadyClock::now();
      EXO_CHECK(copy());
      return since(start);
    });
  };
  EXO_TRY(double up_s, timed([&] { return buffer.upload(host.bytes()); }));
  EXO_TRY(double down_s, timed([&] { return buffer.download(host.bytes()); }));
  profile.host_to_device_bytes_per_s = static_cast<double>(size) / up_s;
  profile.device_to_host_bytes_per_s = static_cast<double>(size) / down_s;
  return {};
}

}  // namespace

double undisturbed_time(std::vector<double> times, bool& disturbed) {
  constexpr double kFar = 1.5;
  const double least = std::ranges::min(times);
  const auto middle = times.begin() + static_cast<ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  if (*middle <= kFar * least) return *middle;
  disturbed = true;
  return least;
}

double Profile::memory_bytes_per_s() const { return std::max(memory_read_bytes_per_s, memory_copy_bytes_per_s); }

const ProductRates* Profile::product(std::string_view type) const {
  for (const ProductRates& rates : products) {
    if (rates.type == type) return &rates;
  }
  return nullptr;
}

uint32_t profile_threads(const Device& device, const ProfileOptions& options) {
  if (device.info().kind != DeviceKind::cpu) return 0;
  return options.threads > 0 ? options.threads : read_host_cpu().threads();
}

namespace {

Result<Profile> measure_here(const Device& device, const ProfileOptions& options, std::chrono::sys_seconds now) {
  auto start = SteadyClock::now();
  Profile profile;
  profile.threads = profile_threads(device, options);
  profile.measured_at = now;
  // Of the limit: a twelfth for each of two rates of three types, as much for copies; the rest is spent on making
  // ready.
  Pace pace{.slice_s = options.time_limit_s / 12};
  // A driver that compiles its kernels slowly would make the user wait for a minute: then the rest is omitted. A
  // software renderer is slow in this, and no plan uses it.
  double patience_s = options.time_limit_s * (device.info().software ? 1 : 4);
  auto late = [&] { return since(start) > patience_s; };
  Bytes most = std::min(kWeightsMax, device.memory().free / 16);
  EXO_TRY(Bench bench, Bench::open(device, options.threads));
  for (ggml_type type : kTypes) {
    if (!supports_product(bench, type)) continue;
    if (late() && !profile.products.empty()) break;
    const auto layout = options.layout ? options.layout(ggml_type_name(type)) : nullptr;
    if (!layout) continue;
    EXO_TRY(Matvec matvec, measure_matvec(bench, type, *layout, most, pace));
    double matmul = 0;
    if (!late()) {
      EXO_TRY(matmul, measure_matmul(bench, matvec.weights, pace));
      if (device.info().kind != DeviceKind::cpu && profile.products.empty()) {
        EXO_TRY(profile.fixed_columns, measure_fixed_columns(bench, matvec.weights, pace));
      }
    }
    profile.products.push_back(
        {.type = ggml_type_name(type), .matvec_bytes_per_s = matvec.bytes_per_s, .matmul_flops_per_s = matmul});
    profile.bandwidth_bytes_per_s = std::max(profile.bandwidth_bytes_per_s, matvec.bytes_per_s);
  }
  if (profile.products.empty()) {
    return fail(ErrorCode::unsupported, "{} ({}): its backend multiplies none of q4_K, q8_0 and f16", device.info().id,
                device.info().name);
  }
  EXO_TRY(ProductGraph trivial, ProductGraph::make_trivial(bench));
  EXO_TRY(profile.graph_overhead_s, least_time(pace.slice_s / 4, [&] { return trivial.run(); }));
  EXO_CHECK(measure_copies(device, pace.slice_s / 2, profile));
  if (!late()) {
    const Bytes moved = device.info().software ? std::min(most, 32 * MiB) : most;
    EXO_TRY(const MemoryRates memory, measure_memory(bench, moved, pace.slice_s / 2));
    profile.memory_read_bytes_per_s = memory.read_bytes_per_s;
    profile.memory_copy_bytes_per_s = memory.copy_bytes_per_s;
  }
  // A GPU that clocks up has such times, too.
  profile.disturbed = bench.limited || (pace.disturbed && device.info().kind == DeviceKind::cpu);
  profile.took_s = since(start);
  return profile;
}

}  // namespace

Result<Profile> measure(const Device& device, const ProfileOptions& options, std::chrono::sys_seconds now) {
  if (device.info().kind != DeviceKind::cpu) return measure_here(device, options, now);
  return with_own_team([&] { return measure_here(device, options, now); });
}

}  // namespace exogpu::gpu
