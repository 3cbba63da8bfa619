// The options of a shard.
#pragma once

#include <cstdint>
#include <memory>

#include "base/units.h"
#include "engine/families/architecture.h"
#include "wire/serving_settings.h"

namespace exogpu::engine {

using wire::FlashAttention;
using wire::KvType;

struct GroupMember;

struct ShardOptions {
  uint32_t context = 4096;  // tokens of one sequence, prompt and answer together; some models rotate positions
                            // in another way in a long one, so all shards of a model must have the same
  uint32_t sequences = 1;
  uint32_t pool_tokens = 0;  // of all sequences, which get their regions by Shard::place(); 0: each has a whole context
  uint32_t batch_tokens = 512;  // of one forward()
  uint32_t outputs = 0;         // logits rows of one forward(); 0: one per sequence
  KvType kv_type = KvType::f16;
  FlashAttention flash_attention = FlashAttention::automatic;
  bool embeddings = false;  // the last shard gives one vector for each sequence, not logits
  wire::Objective objective = wire::Objective::latency;  // which the layout of the weights serves
  Bytes weight_budget = 0;  // of memory for weights; where they take more, layers stream from the file. 0: no limit
  uint32_t threads = 0;     // on the CPU; 0: one per core that this process may use
  // The shard computes its part of each layer together with others (engine/cut/exchange.h); null: all by itself.
  std::shared_ptr<const GroupMember> member = {};

  uint64_t cache_rows() const;  // of the KV cache: of all sequences

  // The options of a shard of a plan with these settings: a row of logits per sequence, and for the tokens of prompts
  // that a step scores; or embeddings, if the model was made for them.
  static ShardOptions serving(const wire::ServingSettings& settings, const Architecture& architecture,
                              uint32_t threads = 0);
};

}  // namespace exogpu::engine
