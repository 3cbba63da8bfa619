#include "telemetry/testing/heated_device.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/rng.h"

namespace exogpu::telemetry::testing {
namespace {

constexpr double kStepS = 0.05;  // of the integration; a tenth of the shortest time constant of a trace at most

// Reads the amounts of a line; false: one is missing or no number.
template <typename... Amounts>
bool take(std::istringstream& line, Amounts&... amounts) {
  return static_cast<bool>((line >> ... >> amounts));
}

bool read_amount(const std::string& key, std::istringstream& line, HeatTrace& out) {
  const std::pair<const char*, double*> amounts[] = {{"ambient_c", &out.ambient_c},
                                                     {"limit_c", &out.limit_c},
                                                     {"hysteresis_c", &out.hysteresis_c},
                                                     {"throttle_every_s", &out.throttle_every_s},
                                                     {"idle_w", &out.idle_w},
                                                     {"active_w", &out.active_w},
                                                     {"lag_s", &out.lag_s},
                                                     {"noise_c", &out.noise_c},
                                                     {"step_c", &out.step_c},
                                                     {"tokens_per_s", &out.tokens_per_s}};
  const auto* found = std::ranges::find_if(amounts, [&](const auto& each) { return key == each.first; });
  return found != std::end(amounts) && take(line, *found->second);
}

bool read_line(std::istringstream line, HeatTrace& out) {
  std::string key;
  line >> key;
  if (key == "name") return take(line, out.name);
  if (key == "node") {
    HeatNode& node = out.nodes.emplace_back();
    return take(line, node.j_per_c, node.c_per_w);
  }
  if (key == "throttle") {
    ThrottleStep& step = out.throttle.emplace_back();
    return take(line, step.above_c, step.clock);
  }
  if (key == "clock") {
    ClockPoint& point = out.clocks.emplace_back();
    return take(line, point.clock, point.rate, point.power);
  }
  if (key == "threads") {
    ThreadPoint& point = out.threads.emplace_back();
    return take(line, point.threads, point.rate, point.power);
  }
  if (key != "published") return read_amount(key, line, out);
  PublishedPoint& point = out.published.emplace_back();
  if (!take(line, point.at_s, point.tokens_per_s)) return false;
  double celsius = 0;
  if (take(line, celsius)) point.celsius = celsius;
  return true;
}

double between(double at, double a, double b, double from, double to) {
  return a == b ? from : from + (to - from) * (at - a) / (b - a);
}

// The point of a table whose first column falls, between its rows.
template <typename Point>
Point interpolated(const std::vector<Point>& table, double at, double Point::* column) {
  if (table.empty()) return {};
  for (size_t i = 1; i < table.size(); ++i) {
    const Point &a = table[i - 1], &b = table[i];
    if (at < b.*column) continue;
    Point point = a;
    point.*column = at;
    point.rate = between(at, a.*column, b.*column, a.rate, b.rate);
    point.power = between(at, a.*column, b.*column, a.power, b.power);
    return point;
  }
  return table.back();
}

}  // namespace

Result<HeatTrace> read_trace(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) return fail(ErrorCode::not_found, "{}: no such trace", file.string());
  HeatTrace out;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line.starts_with("#")) continue;
    if (!read_line(std::istringstream(line), out))
      return fail(ErrorCode::invalid_argument, "{}:{}: {}", file.string(), number, line);
  }
  if (out.nodes.empty() || out.clocks.empty())
    return fail(ErrorCode::invalid_argument, "{}: it needs a node and a clock", file.string());
  return out;
}

HeatedDevice::HeatedDevice(HeatTrace trace, uint64_t seed)
    : trace_(std::move(trace)),
      seed_(seed),
      celsius_(trace_.nodes.size(), trace_.ambient_c),
      sensed_c_(trace_.ambient_c),
      power_w_(trace_.idle_w) {
  flow(3600, trace_.idle_w);  // it has been idle for long
  sensed_c_ = celsius_.front();
}

ClockPoint HeatedDevice::clock_point() const { return interpolated(trace_.clocks, clock_, &ClockPoint::clock); }

ThreadPoint HeatedDevice::thread_point(double threads) const {
  return interpolated(trace_.threads, threads, &ThreadPoint::threads);
}

double HeatedDevice::rate(double threads) const { return clock_point().rate * thread_point(threads).rate; }

void HeatedDevice::throttle() {
  double lowest = 1, held = 1;
  for (const ThrottleStep& step : trace_.throttle) {
    if (celsius_.front() > step.above_c) lowest = step.clock;
    if (celsius_.front() > step.above_c - trace_.hysteresis_c) held = step.clock;
  }
  clock_ = std::min(lowest, std::max(clock_, held));
}

void HeatedDevice::flow(double for_s, double watts) {
  for (double done = 0; done < for_s; done += kStepS) {
    const double step_s = std::min(kStepS, for_s - done);
    double in_w = watts;
    for (size_t i = 0; i < celsius_.size(); ++i) {
      const double next_c = i + 1 < celsius_.size() ? celsius_[i + 1] : trace_.ambient_c;
      const double out_w = (celsius_[i] - next_c) / trace_.nodes[i].c_per_w;
      celsius_[i] += (in_w - out_w) * step_s / trace_.nodes[i].j_per_c;
      in_w = out_w;
    }
    sensed_c_ += (celsius_.front() - sensed_c_) * (1 - std::exp(-step_s / std::max(trace_.lag_s, 1e-3)));
  }
}

void HeatedDevice::advance(double for_s, double busy, double threads) {
  double joules = 0;
  for (double done = 0; done < for_s; done += kStepS) {
    const double step_s = std::min(kStepS, for_s - done);
    since_throttle_s_ += step_s;
    if (since_throttle_s_ >= trace_.throttle_every_s) {
      since_throttle_s_ = 0;
      throttle();
    }
    const double share = busy * clock_point().power * thread_point(threads).power;
    const double watts = trace_.idle_w + share * (trace_.active_w - trace_.idle_w);
    flow(step_s, watts);
    joules += watts * step_s;
    tokens_ += busy * rate(threads) * trace_.tokens_per_s * step_s;
  }
  if (for_s > 0) power_w_ = joules / for_s;
}

// About normal: the sum of four uniform numbers.
double HeatedDevice::noise() {
  double sum = -2;
  for (int i = 0; i < 4; ++i) sum += random_unit(seed_, drawn_++);
  return sum * std::sqrt(3.0) * trace_.noise_c;
}

std::optional<double> HeatedDevice::sensor_c() {
  const double exact = sensed_c_ + noise();
  const double read = trace_.step_c > 0 ? std::round(exact / trace_.step_c) * trace_.step_c : exact;
  if (fault_ != SensorFault::stuck) stuck_c_.reset();
  switch (fault_) {
    case SensorFault::none: return read;
    case SensorFault::absent: return std::nullopt;
    case SensorFault::spikes: return random_unit(seed_, drawn_++) < 0.05 ? read + 60 : read;
    case SensorFault::stuck: break;
  }
  if (!stuck_c_) stuck_c_ = read;
  return stuck_c_;
}

}  // namespace exogpu::telemetry::testing
