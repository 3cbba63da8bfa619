// Which layouts of weights a shard needs to know about.
#pragma once

#include <vector>

#include "gpu/layouts/book.h"
#include "model/gguf.h"
#include "wire/layer_range.h"
#include "wire/model_shape.h"
#include "wire/serving_settings.h"

namespace exogpu::engine {

// Each type of weights with each shape, as the layers of this file have them, for all layouts of the device.
std::vector<gpu::LayoutCase> layout_cases(const model::Gguf& file, wire::LayerRange layers, const gpu::Device& device);

// The same weights as the planner counts them: bytes of the whole file by type and use, without rows that are looked
// up, which the host does where a device cannot.
std::vector<wire::WeightKind> weight_kinds(const model::Gguf& file);

// Has the device's book check those, and the types to which it would convert others; and measure the types of which
// there is so much that their speed matters. Takes about a second where a device meets a type for the first time, and
// no time afterwards.
void learn_layouts(const model::Gguf& file, wire::LayerRange layers, const gpu::Device& device);

// What the layout of a shard's weights serves in a plan that optimises this, where there is memory for one.
gpu::LayoutAim layout_aim(wire::Objective objective);

// Whether a shard of this file holds weights twice where one layout reads prompts faster and another writes answers
// faster: a model is an eighth of the device's memory at most. The same for all shards of a model on a device, so that
// they compute the same however it is cut.
bool worth_two_layouts(const model::Gguf& file, const gpu::Device& device);

}  // namespace exogpu::engine
