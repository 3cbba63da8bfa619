// What a shard is loaded with.
#pragma once

#include <cstdint>

#include "wire/serving_settings.h"

namespace exogpu::engine {

using wire::FlashAttention;
using wire::KvType;

struct ShardOptions {
  uint32_t context = 4096;      // tokens of one sequence, prompt and answer together; some models rotate positions
                                // in another way in a long one, so all shards of a model must have the same
  uint32_t sequences = 1;       // held at once
  uint32_t batch_tokens = 512;  // of one forward()
  uint32_t outputs = 0;         // logits rows of one forward(); 0: one per sequence
  KvType kv_type = KvType::f16;
  FlashAttention flash_attention = FlashAttention::automatic;
  uint32_t threads = 0;  // on the CPU; 0: as many as this process may well use

  // Of a shard that is a part of a model served so: one row of logits for each sequence.
  static ShardOptions serving(const wire::ServingSettings& settings, uint32_t threads = 0);
};

}  // namespace exogpu::engine
