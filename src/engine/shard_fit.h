// Whether a shard has room on its device, and what would have.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/families/architecture.h"
#include "engine/shard.h"

namespace exogpu::engine {

struct FitQuestion {
  std::string file;  // named in errors
  std::string device;
  const Architecture& architecture;
  wire::LayerRange layers;
  const ShardOptions& options;
  bool flash_attention;
  const MemoryNeed& need;
};

// Refuses a shard that needs more than `available`. Errors: out_of_memory, with the missing bytes and what would fit.
Result<void> check_fit(const FitQuestion& question, Bytes available);

}  // namespace exogpu::engine
