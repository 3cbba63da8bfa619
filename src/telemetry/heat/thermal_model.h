// How warm a device becomes: a model of resistors and capacitors, fitted to its samples as they come.
//
// A chain of thermal resistances and capacities between chip and air is, in Foster's form, a sum: the temperature is
// ambient + sum R_i x_i, where x_i is the power behind a low-pass of time constant tau_i. With fixed time constants,
// from the chip (seconds) to the case (minutes), ambient and resistances are linear in the samples. Recursive least
// squares fit them: samples are forgotten exponentially, and what they do not say is as for devices in general, or as
// it was remembered, so the parameters are bounded whatever comes. The noise of the temperature is no input of the
// regression and biases nothing.
#pragma once

#include <array>
#include <deque>
#include <optional>

#include "telemetry/sample.h"

namespace exogpu::telemetry {

inline constexpr std::array kTimeConstantsS{2.0, 8.0, 32.0, 128.0, 512.0};

// What is worth remembering of a device. Powers are watts, or of any other unit that grows with the heat: those of one
// model must all have the same.
struct ThermalParameters {
  double ambient_c = 25;
  std::array<double, kTimeConstantsS.size()> c_per_w{};  // 0 or more
  double power_max_w = 0;                                // the highest power so far; 0: nothing is known
  friend bool operator==(const ThermalParameters&, const ThermalParameters&) = default;
};

struct ThermalPrediction {
  double celsius = 0;
  double error_c = 0;  // nine of ten temperatures are no further away, by what the model's predictions missed so far
};

// Pure.
class ThermalModel {
 public:
  // `remembered`: of an earlier run.
  explicit ThermalModel(const ThermalParameters& remembered = {});

  // A sample, and the mean power since the one before. The first one shows how warm the device is already.
  void update(double celsius, double power_w, Time now);
  // Time passes without a temperature that can be believed: the model goes on by the power alone.
  void coast(double power_w, Time now);

  bool ready() const { return updated_at_.has_value(); }
  // Of this moment: the samples without their noise; while it coasts, what the model thinks.
  double celsius() const;
  // After so long with this power. Precondition: ready().
  ThermalPrediction predict(double power_w, Duration ahead) const;
  // The power with which it is at `celsius` after so long; may be negative. Precondition: ready().
  double power_for(double celsius, Duration ahead) const;

  const ThermalParameters& parameters() const { return parameters_; }

 private:
  static constexpr size_t kTerms = kTimeConstantsS.size() + 1;  // the ambient temperature comes first

  // A prediction that is to be judged.
  struct Pending {
    Time at;
    double ambient_c = 0;
    std::array<double, kTimeConstantsS.size()> c_per_w{};
    double offset_c = 0;
  };
  struct Horizon {
    Duration ahead{};
    double variance = 0;
    std::deque<Pending> pending{};
  };

  double modelled() const;
  void scale_to(double power_w);
  void begin(double celsius, double power_w);
  void advance(double power_w, double elapsed_s);
  void observe(double celsius, double elapsed_s);
  void fit();
  void judge(double celsius, Time now);
  double variance_at(double ahead_s) const;

  using Terms = std::array<double, kTerms>;
  ThermalParameters parameters_;
  std::array<double, kTimeConstantsS.size()> power_w_{};  // x_i
  // The samples, with powers as shares of power_max_w: sums of products of the terms, and of terms and temperatures.
  std::array<Terms, kTerms> products_{};
  Terms moments_{};
  Terms expected_{}, deviation_{};  // of the parameters without samples: temperatures at power_max_w
  double offset_c_ = 0;             // what the samples are above the model
  std::array<Horizon, 2> horizons_;
  std::optional<Time> updated_at_;
};

}  // namespace exogpu::telemetry
