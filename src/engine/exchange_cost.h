// What the exchanges of a group cost, by a trial of the real ones.
#pragma once

#include <span>

#include "base/result.h"
#include "engine/cut/exchange.h"
#include "gpu/device.h"

namespace exogpu::engine {

struct ExchangeCost {
  double few_s = 0;        // of the sum of one token's output, 16 KiB of F32
  double bytes_per_s = 0;  // of the sums of many tokens at once
};

// Exchanges among threads with these devices, as a ShardGroup on them does. Takes some milliseconds, and as long as the
// devices need to start. Precondition: two devices or more. Errors: unavailable, out_of_memory.
Result<ExchangeCost> measure_exchange(std::span<const gpu::Device* const> devices);

// One member's part in such a trial, which all members make at the same time. A trial that fails abandons the exchange.
// Errors: also those of Exchange.
Result<ExchangeCost> measure_exchange(const gpu::Device& device, Exchange& exchange);

}  // namespace exogpu::engine
