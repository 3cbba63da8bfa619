// A driver of one ring, and requests for it: what the tests of both ends of a request share.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pipeline/driver.h"
#include "wire/node_id.h"

namespace exogpu::pipeline::testing {

inline constexpr wire::PlanEpoch kBenchEpoch{4};

inline wire::NodeId bench_node(uint8_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> id{};
  id[0] = number;
  return wire::NodeId(id);
}

inline wire::Generate bench_request(uint64_t number, wire::PlanEpoch epoch = kBenchEpoch) {
  return {.epoch = epoch, .request = number, .tokens = {1, 2}, .prompt_tokens = 2};
}

// The driver of a ring that records its steps.
class BenchDriver {
 public:
  explicit BenchDriver(const ScheduleOptions& options = {.sequences = 4, .context = 10})
      : driver(kBenchEpoch, options, [this](Work work) { begun.push_back(std::move(work)); }) {}

  Driver* of(wire::PlanEpoch epoch) { return epoch == kBenchEpoch ? &driver : nullptr; }
  // Step `number` is done, with this token of sequence 0, after `us` of computing.
  void done(uint64_t number, wire::TokenId token = 3, uint32_t us = 0) {
    driver.on_done({.epoch = kBenchEpoch,
                    .number = number,
                    .tokens = {{.sequence = wire::SeqId(0), .token = token}},
                    .stage_us = {us}});
  }

  std::vector<Work> begun;
  Driver driver;
};

}  // namespace exogpu::pipeline::testing
