#include "telemetry/energy_use.h"

#include <cmath>

namespace exogpu::telemetry {
namespace {

constexpr double kOverS = 60;
constexpr double kTokensLeast = 1;  // fewer say nothing: a step of many tokens may have been in progress

}  // namespace

void EnergyUse::update(std::optional<double> power_w, double elapsed_s, double busy_s, uint64_t tokens) {
  if (!power_w || (busy_s <= 0 && tokens == 0)) return;
  const double kept = std::exp(-elapsed_s / kOverS);
  joules_ = joules_ * kept + *power_w * elapsed_s;
  tokens_ = tokens_ * kept + static_cast<double>(tokens);
}

std::optional<double> EnergyUse::joules_per_token() const {
  return tokens_ >= kTokensLeast ? std::optional(joules_ / tokens_) : std::nullopt;
}

}  // namespace exogpu::telemetry
