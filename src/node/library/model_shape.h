// The shape of a model file: what a planner needs to know of it.
#pragma once

#include <span>

#include "base/result.h"
#include "engine/families/architecture.h"
#include "engine/shard.h"
#include "gpu/device.h"
#include "model/gguf.h"
#include "wire/library.h"
#include "wire/model_shape.h"

namespace exogpu::node {

// Sizes as a shard with these options measures them on each of the devices, the largest of each. Allocates nothing on
// them. `devices` is not empty.
// Errors: those of engine::Shard::measure(), of devices that all fail; of others a device that cannot hold the model's
// weights in any layout is passed over.
// `context_most`: of the longest conversation for which a plan may make the pool larger; 0: for none.
Result<wire::ModelShape> shape_of(const model::Gguf& file, std::span<const gpu::Device> devices,
                                  const engine::ShardOptions& options, uint32_t context_most = 0);

// What the file's header says of that: no device is asked. `a` is the file's.
wire::ModelWork work_of_file(const model::Gguf& file, const engine::Architecture& a);

}  // namespace exogpu::node
