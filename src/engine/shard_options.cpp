#include "engine/shard_options.h"

namespace exogpu::engine {

ShardOptions ShardOptions::serving(const wire::ServingSettings& settings, uint32_t threads) {
  return {.context = settings.context,
          .sequences = settings.sequences,
          .batch_tokens = settings.batch_tokens,
          .outputs = settings.sequences,
          .kv_type = settings.kv_type,
          .flash_attention = settings.flash_attention,
          .objective = settings.objective,
          .threads = threads};
}

}  // namespace exogpu::engine
