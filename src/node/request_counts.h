// What clients' requests took and how they ended, for monitoring.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace exogpu::node {

// Counts of durations by upper bounds, in seconds. The last count has those above all bounds.
template <size_t n>
struct DurationCounts {
  std::array<double, n> bounds;
  std::array<uint64_t, n + 1> counts{};
  double sum_s = 0;

  void add(double seconds) {
    size_t i = 0;
    while (i < n && seconds > bounds[i]) ++i;
    ++counts[i];
    sum_s += seconds;
  }
};

// Of one model.
struct RequestCounts {
  DurationCounts<12> first_token{.bounds = {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120}};
  DurationCounts<12> between_tokens{.bounds = {0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2}};
  uint64_t requests = 0, prompt_tokens = 0, prompt_tokens_reused = 0, answer_tokens = 0;
  std::map<std::string, uint64_t> ends{};  // answers, by the reason of their end
  uint64_t open = 0;                       // requests that have not ended
};

}  // namespace exogpu::node
