#include "telemetry/heat/thermal_model.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <vector>

#include "base/rng.h"
#include "base/testing/source_dir.h"
#include "telemetry/heat/thermal_store.h"
#include "telemetry/testing/heated_device.h"

namespace exogpu::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HeatedDevice;
using testing::HeatTrace;

std::vector<HeatTrace> traces() {
  std::vector<HeatTrace> out;
  for (const auto& file : std::filesystem::directory_iterator(exogpu::testing::source_dir() / "tests/traces")) {
    if (file.path().extension() == ".txt") out.push_back(testing::read_trace(file.path()).value());
  }
  std::ranges::sort(out, {}, &HeatTrace::name);
  return out;
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

TEST(HeatedDevice, EachTraceIsAsItWasPublished) {
  const auto all = traces();
  ASSERT_GE(all.size(), 6U);
  for (const HeatTrace& trace : all) {
    HeatedDevice device(trace, 1);
    double at_s = 0;
    for (const testing::PublishedPoint& point : trace.published) {
      for (; at_s < point.at_s; at_s += 0.5) device.advance(0.5, 1);
      EXPECT_NEAR(device.rate() * trace.tokens_per_s, point.tokens_per_s, 0.15 * trace.tokens_per_s)
          << trace.name << " after " << point.at_s << " s";
      EXPECT_NEAR(device.celsius(), point.celsius.value_or(device.celsius()), 4)
          << trace.name << " after " << point.at_s;
    }
    EXPECT_LT(device.celsius(), trace.limit_c) << trace.name;
  }
}

// How far predictions are off for a load that begins and ends, for a device that the model does not know.
struct Errors {
  std::vector<double> near_c, far_c;
  size_t within = 0;
};
Errors errors_of(const HeatTrace& trace, uint64_t seed) {
  HeatedDevice device(trace, seed);
  ThermalModel model;
  std::vector<ThermalModel> models;
  std::vector<double> truth_c, power_w;
  double busy = 0, until_s = 20;
  Time now{};
  Errors errors;
  for (int i = 0; i < 1200; ++i) {
    if (i * 0.5 >= until_s) {
      busy = busy > 0 ? 0 : 0.3 + 0.7 * random_unit(seed, static_cast<uint64_t>(i));
      until_s += 5 + 60 * random_unit(seed + 1, static_cast<uint64_t>(i));
    }
    device.advance(0.5, busy);
    model.update(device.sensor_c().value(), device.power_w(), now += milliseconds(500));
    models.push_back(model);
    truth_c.push_back(device.celsius());
    power_w.push_back(device.power_w());
  }
  for (const auto& [ahead, missed] : {std::pair(size_t{20}, &errors.near_c), std::pair(size_t{120}, &errors.far_c)}) {
    for (size_t i = 240; i + ahead < models.size(); i += 7) {
      ThermalModel then = models[i];
      Time at = Time() + milliseconds(500 * (i + 1));
      for (size_t k = 1; k <= ahead; ++k) then.coast(power_w[i + k], at += milliseconds(500));
      missed->push_back(std::abs(then.celsius() - truth_c[i + ahead]));
      errors.within += missed->back() <= models[i].predict(1, milliseconds(500 * ahead)).error_c ? 1 : 0;
    }
  }
  return errors;
}

TEST(ThermalModel, PredictsDevicesThatItHasNotSeen) {
  for (const HeatTrace& trace : traces()) {
    const Errors errors = errors_of(trace, 3);
    EXPECT_LE(median(errors.near_c), 1.0) << trace.name;
    EXPECT_LE(median(errors.far_c), 2.5) << trace.name;
    const size_t all = errors.near_c.size() + errors.far_c.size();
    EXPECT_GE(errors.within * 10, all * 7) << trace.name << ": the error bar is too small";
  }
}

TEST(ThermalModel, AKnownDeviceIsPredictedFromTheFirstSecond) {
  const HeatTrace trace = traces().front();
  HeatedDevice device(trace, 5);
  ThermalModel model;
  Time now{};
  for (int i = 0; i < 1200; ++i) {
    device.advance(0.5, i / 60 % 2);
    model.update(device.sensor_c().value(), device.power_w(), now += milliseconds(500));
  }
  const auto missed_c = [&](ThermalModel of) {
    HeatedDevice again(trace, 6);
    Time at{};
    of.update(again.sensor_c().value(), trace.idle_w, at);
    const double predicted = of.predict(trace.active_w, seconds(20)).celsius;
    again.advance(20, 1);
    return std::abs(predicted - again.celsius());
  };
  EXPECT_LT(missed_c(ThermalModel(model.parameters())), 2);
  EXPECT_GT(missed_c(ThermalModel()), missed_c(ThermalModel(model.parameters())));
}

TEST(ThermalModel, APowerForATemperatureLeadsToIt) {
  ThermalModel model;
  Time now{};
  HeatedDevice device(traces().front(), 5);
  for (int i = 0; i < 400; ++i) {
    device.advance(0.5, 1);
    model.update(device.sensor_c().value(), device.power_w(), now += milliseconds(500));
  }
  for (const double celsius : {30.0, 40.0, 50.0})
    EXPECT_NEAR(model.predict(model.power_for(celsius, seconds(60)), seconds(60)).celsius, celsius, 1e-6);
}

RC_GTEST_PROP(ThermalModel, TheUnitOfPowersDoesNotMatter, ()) {
  const double unit = *rc::gen::inRange(1, 1000) / 100.0;
  ThermalModel watts, others;
  Time now{};
  for (int i = 0; i < 60; ++i) {
    const double celsius = *rc::gen::inRange(200, 900) / 10.0, power = 1 + *rc::gen::inRange(0, 300) / 10.0;
    now += milliseconds(500);
    watts.update(celsius, power, now);
    others.update(celsius, power * unit, now);
  }
  RC_ASSERT(std::abs(watts.predict(20, seconds(10)).celsius - others.predict(20 * unit, seconds(10)).celsius) < 1e-3);
}

RC_GTEST_PROP(ThermalModel, StaysBoundedWhateverComes, ()) {
  ThermalModel model;
  Time now{};
  const int samples = *rc::gen::inRange(1, 80);
  for (int i = 0; i < samples; ++i) {
    const double celsius = *rc::gen::inRange(-300, 1000), power = *rc::gen::inRange(-10, 2000);
    now += milliseconds(*rc::gen::inRange(0, 5000));
    if (*rc::gen::inRange(0, 5) == 0) {
      model.coast(power, now);
    } else {
      model.update(celsius, power, now);
    }
    if (!model.ready()) continue;
    const ThermalParameters& parameters = model.parameters();
    RC_ASSERT(parameters.ambient_c >= -10 && parameters.ambient_c <= 50);
    for (const double per_w : parameters.c_per_w) RC_ASSERT(per_w >= 0 && per_w * parameters.power_max_w <= 150 + 1e-6);
    const ThermalPrediction prediction = model.predict(100, seconds(60));
    RC_ASSERT(std::isfinite(prediction.celsius) && prediction.error_c > 0 && std::isfinite(prediction.error_c));
  }
}

TEST(ThermalBook, IsReadAsItWasWritten) {
  const ThermalBook book{
      {"cpu A processor", {.ambient_c = 22.5, .c_per_w = {0.1, 0.2, 0, 0.4, 1e-9}, .power_max_w = 65}},
      {"cuda0", {.ambient_c = 31, .c_per_w = {0.01, 0, 0, 0, 0.125}, .power_max_w = 700}}};
  EXPECT_EQ(thermal_book_of(to_text(book)), book);
  EXPECT_EQ(thermal_book_of("25 100 1 nan 0 0 0 x\n25 100 1 1 1 x\n25 -3 1 1 1 1 1 x\nabc\n" + to_text(book)), book);
  const auto file = std::filesystem::temp_directory_path() / "exogpu_thermal_book_test";
  ASSERT_TRUE(write_thermal_book(file, book));
  EXPECT_EQ(read_thermal_book(file), book);
  std::filesystem::remove(file);
  EXPECT_TRUE(read_thermal_book(file).empty());
}

RC_GTEST_PROP(ThermalBook, AnyTextIsABook, (const std::string& text)) {
  RC_ASSERT(thermal_book_of(text).size() <= kThermalDevicesMax);
}

}  // namespace
}  // namespace exogpu::telemetry
