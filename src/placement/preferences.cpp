#include "placement/preferences.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>

namespace exogpu::placement {
namespace {

constexpr Preference kAlone = {"tokens per second alone",
                               [](const wire::Plan& plan) { return 1 / plan.predicted.tokens_per_s_alone; }};
constexpr Preference kParallel = {"tokens per second in parallel",
                                  [](const wire::Plan& plan) { return 1 / plan.predicted.tokens_per_s_parallel; }};
constexpr Preference kFirstToken = {"time to first token",
                                    [](const wire::Plan& plan) { return plan.predicted.first_token_s; }};
constexpr Preference kEnergy = {"joules per token",
                                [](const wire::Plan& plan) { return plan.predicted.joules_per_token; }};
constexpr Preference kFewer = {"fewer devices",
                               [](const wire::Plan& plan) { return static_cast<double>(plan.stages.size()); }};

constexpr std::array kForLatency = {kAlone, kFewer, kParallel, kFirstToken};
constexpr std::array kForThroughput = {kParallel, kFewer, kAlone, kFirstToken};
constexpr std::array kForEfficiency = {kEnergy, kAlone, kFewer, kParallel};
constexpr std::array kForFirstToken = {kFirstToken, kFewer, kAlone, kParallel};

constexpr double kRounding = 1e-9;

std::string rate_text(double per_s) {
  if (per_s >= 1000) return format_count(static_cast<uint64_t>(per_s));
  return std::format("{:.{}f}", per_s, per_s < 10 ? 2 : 1);
}

std::string time_text(double s) { return s < 1 ? std::format("{:.3g} ms", s * 1e3) : std::format("{:.3g} s", s); }

}  // namespace

std::span<const Preference> preferences(wire::Objective objective) {
  switch (objective) {
    case wire::Objective::latency: return kForLatency;
    case wire::Objective::throughput: return kForThroughput;
    case wire::Objective::first_token: return kForFirstToken;
    case wire::Objective::efficiency: return kForEfficiency;
  }
  return kForLatency;
}

bool better(const wire::Plan& a, const wire::Plan& b, wire::Objective objective) {
  for (const Preference& preference : preferences(objective)) {
    const double x = preference.cost(a), y = preference.cost(b);
    if (std::abs(x - y) > kRounding * std::max(x, y)) return x < y;
  }
  return false;
}

std::string speeds_text(double value_s, double than_s, const PlacementRequest& request) {
  if (request.serving.objective == wire::Objective::first_token)
    return std::format("{} against {} to the first token", time_text(value_s), time_text(than_s));
  const double tokens = request.serving.objective == wire::Objective::throughput ? request.serving.sequences : 1;
  return std::format("{} against {} tokens/s", rate_text(tokens / value_s), rate_text(tokens / than_s));
}

}  // namespace exogpu::placement
