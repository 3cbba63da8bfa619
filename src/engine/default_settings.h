// How a model is served where nothing else is asked for.
#pragma once

#include "engine/families/architecture.h"
#include "engine/shard_options.h"
#include "gpu/device.h"
#include "model/gguf.h"
#include "wire/serving_settings.h"

namespace exogpu::engine {

// The settings with values in the place of zeros.
//
// With a context or a number of sequences and without a pool, each sequence has a whole context of its own: of
// default_context(), for four sequences. Otherwise the sequences share a pool: by default as many tokens as four times
// 4,096, in which one conversation may be as long as the model was trained for, and up to 16 are computed at once (of
// models with recurrent layers 4, since each has a state of its own however short it is). Without flash attention a
// conversation has at most 4,096 tokens, since the memory for computing grows with it.
wire::ServingSettings complete_settings(wire::ServingSettings given, const Architecture& a);

// The longest conversation for which a plan may make that pool larger, where the devices have room: as long as the
// model was trained for. 0 where somebody fixed the context, the sequences or the pool, or the pool has room for it
// already.
uint32_t context_most(const wire::ServingSettings& given, const Architecture& a);

// How many tokens of a prompt a device computes at once that has the whole model: 512; 2,048 on a GPU with room for it,
// which fewer do not fill; where layers stream, up to 4,096, for which each is read once. Reads no weights.
uint32_t usual_batch(const model::Gguf& file, const gpu::Device& device, ShardOptions options);

}  // namespace exogpu::engine
