// The decisions about a shard before it allocates memory.
#pragma once

#include <vector>

#include "base/result.h"
#include "engine/families/architecture.h"
#include "engine/graph/batch_shape.h"
#include "engine/shard.h"

namespace exogpu::engine {

// The options with every default filled in. Errors: invalid_argument, naming the option and what is possible.
Result<ShardOptions> complete_options(ShardOptions options, const Architecture& a, wire::LayerRange layers);

// Whether every layer that attends to another's keys and values is together with it. Errors: invalid_argument, naming
// the layers.
Result<void> check_shared_keys(const Architecture& a, wire::LayerRange layers);

// The batches that need the most compute memory: one long prompt, and every sequence at once, with full caches.
std::vector<BatchShape> largest_batches(const ShardOptions& options);

// Whether the shard uses flash attention. Errors: unsupported, when it is requested and the device lacks it.
Result<bool> choose_flash_attention(const gpu::Device& device, const Architecture& a, const ShardOptions& options);

// Checks the cache's type. Errors: unsupported, when heads of this width cannot have it, or only with flash attention.
Result<void> check_cache_type(const Architecture& a, KvType type, bool flash);

}  // namespace exogpu::engine
