// What the thermal model predicts, and what the governor makes of half an hour of full load, on the traces of
// tests/traces, of devices that they have not seen: the parameters of the model are those that every device begins
// with.
//
//   heat_bench [--watch] tests/traces/*.txt
#include <algorithm>
#include <cmath>
#include <numeric>
#include <print>
#include <vector>

#include "base/rng.h"
#include "telemetry/heat/thermal_model.h"
#include "telemetry/testing/governed_run.h"
#include "telemetry/testing/heated_device.h"

namespace {

using namespace exogpu;
using telemetry::testing::HeatedDevice;
using telemetry::testing::HeatTrace;

constexpr double kSampleS = 0.5, kRunS = 1800, kLearnS = 120;
constexpr size_t kNear = 20, kFar = 120;  // samples

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}

// The load of a device: all the time, answers with pauses, or a share of the time that changes now and then.
class Load {
 public:
  Load(int kind, uint64_t seed) : kind_(kind), seed_(seed) {}
  double at(double seconds) {
    if (kind_ == 0 || seconds < until_) return busy_;
    if (kind_ == 1) {
      busy_ = busy_ > 0 ? 0 : 1;
      until_ = seconds + (busy_ > 0 ? 10 + 40 * draw() : 5 + 30 * draw());
    } else {
      busy_ = draw();
      until_ = seconds + 20 + 100 * draw();
    }
    return busy_;
  }

 private:
  double draw() { return random_unit(seed_, drawn_++); }
  int kind_;
  uint64_t seed_, drawn_ = 0;
  double busy_ = 1, until_ = 0;
};

struct Errors {
  std::vector<double> near_c, far_c, near_same_c, far_same_c;
  size_t near_within = 0, far_within = 0;
};

// As the model predicts with the power that was drawn, and with the power of the last half minute.
void run(const HeatTrace& trace, int load_kind, Errors& errors) {
  HeatedDevice device(trace, 7 + static_cast<uint64_t>(load_kind));
  Load load(load_kind, 5);
  telemetry::ThermalModel model;
  telemetry::Time now{};
  std::vector<double> truth_c, power_w, same_near_c, same_far_c;
  std::vector<telemetry::ThermalModel> models;
  double mean_w = trace.idle_w;
  for (double at = 0; at < kRunS; at += kSampleS) {
    device.advance(kSampleS, load.at(at));
    now += std::chrono::milliseconds(500);
    model.update(device.sensor_c().value_or(0), device.power_w(), now);
    mean_w += (device.power_w() - mean_w) * (1 - std::exp(-kSampleS / 30));
    truth_c.push_back(device.celsius());
    power_w.push_back(device.power_w());
    models.push_back(model);
    same_near_c.push_back(model.predict(mean_w, std::chrono::seconds(10)).celsius);
    same_far_c.push_back(model.predict(mean_w, std::chrono::seconds(60)).celsius);
  }
  const auto judge = [&](size_t from, size_t ahead, std::vector<double>& known, const std::vector<double>& same,
                         std::vector<double>& same_errors, size_t& within) {
    if (from + ahead >= truth_c.size()) return;
    telemetry::ThermalModel copy = models[from];
    telemetry::Time then = telemetry::Time() + std::chrono::milliseconds(500) * static_cast<int64_t>(from + 1);
    for (size_t i = 1; i <= ahead; ++i) copy.coast(power_w[from + i], then += std::chrono::milliseconds(500));
    const double missed_c = std::abs(copy.celsius() - truth_c[from + ahead]);
    known.push_back(missed_c);
    same_errors.push_back(std::abs(same[from] - truth_c[from + ahead]));
    const auto bar =
        models[from].predict(power_w[from], std::chrono::milliseconds(500) * static_cast<int64_t>(ahead)).error_c;
    within += missed_c <= bar ? 1 : 0;
  };
  for (auto i = static_cast<size_t>(kLearnS / kSampleS); i < truth_c.size(); ++i) {
    judge(i, kNear, errors.near_c, same_near_c, errors.near_same_c, errors.near_within);
    judge(i, kFar, errors.far_c, same_far_c, errors.far_same_c, errors.far_within);
  }
}

void print_row(const std::string& name, const Errors& errors) {
  const auto percent = [](size_t part, const std::vector<double>& all) {
    return 100.0 * static_cast<double>(part) / static_cast<double>(std::max<size_t>(1, all.size()));
  };
  std::println("{:20} {:6.2f} {:6.2f} {:5.0f} %   {:6.2f} {:6.2f} {:5.0f} %   {:6.2f} {:6.2f}", name,
               quantile(errors.near_c, 0.5), quantile(errors.near_c, 0.9), percent(errors.near_within, errors.near_c),
               quantile(errors.far_c, 0.5), quantile(errors.far_c, 0.9), percent(errors.far_within, errors.far_c),
               quantile(errors.near_same_c, 0.5), quantile(errors.far_same_c, 0.5));
}

// The most tokens of half an hour at a constant share of the time, with a constant share of the threads, and no warmer
// than limit - 1 °C after the first minute: what a governor can hardly exceed, as it cannot store cold for long.
double best_constant(const HeatTrace& trace) {
  double best = 0;
  const std::vector<double> threads = trace.threads.empty() ? std::vector{1.0} : std::vector{1.0, 0.5, 0.25};
  for (const double share : threads) {
    for (int percent = 1; percent <= 100; ++percent) {
      HeatedDevice device(trace, 1);
      double hottest_c = 0;
      for (double at_s = 0; at_s < 1800; at_s += kSampleS) {
        device.advance(kSampleS, percent / 100.0, share);
        if (at_s >= 60) hottest_c = std::max(hottest_c, device.celsius());
      }
      if (hottest_c <= trace.limit_c - 1) best = std::max(best, device.tokens());
    }
  }
  return best;
}

void govern(const HeatTrace& trace, bool watch) {
  using telemetry::testing::RunSettings;
  const auto free = telemetry::testing::run(trace, {.governed = false});
  RunSettings settings;
  if (watch) {
    settings.watch = [](double at_s, const HeatedDevice& device, const telemetry::HeatDecision& decision) {
      if (std::fmod(at_s, 20) > 0.1) return;
      std::println("{:6.0f} s {:5.1f} °C {:6.1f} W clock {:.2f} pace {:.2f} threads {:.2f} speed {:.2f} {}", at_s,
                   device.celsius(), device.power_w(), device.clock(), decision.pace, decision.threads, decision.speed,
                   to_string(decision.action));
    };
  }
  const auto governed = telemetry::testing::run(trace, settings);
  const auto blind = telemetry::testing::run(trace, {.knows_power = false});
  std::println("{:20} {:8.0f} {:8.0f} {:6.2f} {:6.2f} {:6.2f}   {:6.1f} {:6.1f} {:6.1f} {:6.1f}   {:6.0f} {:6.0f} {:4}",
               trace.name, free.tokens, governed.tokens, governed.tokens / free.tokens, blind.tokens / free.tokens,
               best_constant(trace) / free.tokens, trace.limit_c - 1, free.hottest_c, governed.hottest_c,
               blind.hottest_c, free.throttled_s, governed.throttled_s, governed.action_changes);
}

}  // namespace

int main(int argc, char** argv) {
  Errors all;
  std::vector<HeatTrace> traces;
  bool watch = false;
  std::println("{:20} 10 s: median, p90, in bar   60 s: median, p90, in bar   same power: 10 s, 60 s", "error in °C");
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--watch") {
      watch = true;
      continue;
    }
    const auto trace = telemetry::testing::read_trace(argv[i]);
    if (!trace) {
      std::println(stderr, "heat_bench: {}", trace.error().message);
      return 2;
    }
    traces.push_back(*trace);
    Errors errors;
    for (const int kind : {0, 1, 2}) run(*trace, kind, errors);
    print_row(trace->name, errors);
    for (const auto& [from, to] :
         {std::pair(&errors.near_c, &all.near_c), std::pair(&errors.far_c, &all.far_c),
          std::pair(&errors.near_same_c, &all.near_same_c), std::pair(&errors.far_same_c, &all.far_same_c)})
      to->insert(to->end(), from->begin(), from->end());
    all.near_within += errors.near_within;
    all.far_within += errors.far_within;
  }
  print_row("all", all);
  std::println(
      "\n{:20} tokens: free, governed, ratio, ratio without a power sensor, with the best constant power   °C: limit - "
      "1, free, governed, "
      "without power   throttled s: free, governed; changes",
      "half an hour");
  for (const HeatTrace& trace : traces) govern(trace, watch);
  return argc > 1 ? 0 : 2;
}
