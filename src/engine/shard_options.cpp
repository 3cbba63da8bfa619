#include "engine/shard_options.h"

#include "wire/region.h"
#include "wire/ring.h"

namespace exogpu::engine {

uint64_t ShardOptions::cache_rows() const {
  if (pool_tokens > 0) return wire::whole_region_steps(pool_tokens);
  return uint64_t{wire::whole_region_steps(context)} * sequences;
}

ShardOptions ShardOptions::serving(const wire::ServingSettings& settings, const Architecture& architecture,
                                   uint32_t threads) {
  return {.context = settings.context,
          .sequences = settings.sequences,
          .pool_tokens = settings.pool_tokens,
          .batch_tokens = settings.batch_tokens,
          .outputs = settings.sequences + wire::kScoredTokens,
          .kv_type = settings.kv_type,
          .flash_attention = settings.flash_attention,
          .embeddings = architecture.gives_embeddings(),
          .objective = settings.objective,
          .threads = threads};
}

}  // namespace exogpu::engine
