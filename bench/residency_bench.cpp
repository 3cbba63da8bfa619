// Hits of the policies by which weights stay in memory, beside the bound, on traces of layers and of experts.
//
// residency_bench [TRACE.txt]: of a file with the numbers of units in the order of their uses, too.
#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <fstream>
#include <memory>
#include <print>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/residency/policy.h"

namespace {

using namespace exogpu::engine;

// From what is next to recency alone to what is next to frequency alone.
constexpr std::array kHalfLives = {0.05, 0.25, 1.0};

struct Trace {
  std::string name;
  uint32_t units;
  std::vector<uint32_t> uses;
};

Trace layers(uint32_t count, uint32_t steps) {
  Trace trace{.name = std::to_string(count) + " layers in a circle", .units = count, .uses = {}};
  for (uint32_t i = 0; i < count * steps; ++i) trace.uses.push_back(i % count);
  return trace;
}

// Made up, of the shape of a 30B-A3B: of 128 experts in each of 48 layers a token takes 8. Each layer has experts that
// it prefers, by Zipf's law with the given exponent, and a token takes each of its predecessor's again with `again`.
Trace experts(double exponent, double again, uint32_t tokens) {
  constexpr uint32_t kLayers = 48, kExperts = 128, kUsed = 8;
  Trace trace{
      .name = std::format("experts, Zipf {}, again {}", exponent, again), .units = kLayers * kExperts, .uses = {}};
  std::mt19937 random(11);
  std::vector<double> weights;
  for (uint32_t i = 0; i < kExperts; ++i) weights.push_back(std::pow(i + 1, -exponent));
  std::discrete_distribution<uint32_t> prefer(weights.begin(), weights.end());
  std::bernoulli_distribution keep(again);
  std::vector<std::set<uint32_t>> last(kLayers);
  for (uint32_t token = 0; token < tokens; ++token) {
    for (uint32_t layer = 0; layer < kLayers; ++layer) {
      std::set<uint32_t> chosen;
      for (const uint32_t expert : last[layer])
        if (keep(random)) chosen.insert(expert);
      while (chosen.size() < kUsed) chosen.insert((prefer(random) + 37 * layer) % kExperts);
      for (const uint32_t expert : chosen) trace.uses.push_back(layer * kExperts + expert);
      last[layer] = chosen;
    }
  }
  return trace;
}

Trace recorded(const char* path) {
  Trace trace{.name = path, .units = 0, .uses = {}};
  std::ifstream in(path);
  for (uint32_t unit = 0; in >> unit; trace.units = std::max(trace.units, unit + 1)) trace.uses.push_back(unit);
  return trace;
}

void compare(const Trace& trace) {
  for (const uint32_t part : {2U, 4U}) {
    const uint32_t capacity = trace.units / part;
    const auto percent = [&](std::unique_ptr<ResidencyPolicy> policy) {
      return 100.0 * static_cast<double>(hits(*policy, trace.uses)) / static_cast<double>(trace.uses.size());
    };
    std::print("| {} | 1/{} | {:.1f} | {:.1f} | {:.1f} |", trace.name, part, percent(least_recent(capacity)),
               percent(pinned_circle(capacity, trace.units, 2)), percent(pinned_circle(capacity, trace.units, 1)));
    for (const double half_life : kHalfLives)
      std::print(" {:.1f} |", percent(frequent(capacity, trace.units, half_life * trace.units)));
    std::println(" {:.1f} |", percent(farthest(capacity, trace.uses)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::println(
      "Hits in percent. A use of `frequent` counts half after that many times as many others as there are units.\n");
  std::print("| trace | room for | least recent | pinned, 2 slots | pinned, 1 slot |");
  for (const double half_life : kHalfLives) std::print(" frequent, {} |", half_life);
  std::println(" farthest (bound) |\n|---|---|---|---|---|---|---|---|---|");
  for (int i = 1; i < argc; ++i) compare(recorded(argv[i]));
  compare(layers(32, 100));
  compare(layers(80, 100));
  for (const double exponent : {0.0, 0.5, 1.0})
    for (const double again : {0.0, 0.4}) compare(experts(exponent, again, 100));
}
