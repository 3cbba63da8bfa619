// The parts of which layers are made: their hyperparameters and tensors.
#pragma once

#include <cstdint>

#include "model/testing/gguf_writer.h"
#include "tiny_model/shape.h"
#include "tiny_model/tensors.h"

namespace exogpu::tiny {

inline constexpr uint32_t kEncoderContext = 128;  // tokens, of models that have learned positions

// One number, or one for each layer where they differ.
void add_feed_forward_length(model::testing::GgufWriter& file, const Shape& shape);
void add_kv_heads(model::testing::GgufWriter& file, const Shape& shape);

// Beside those that every family has.
void add_part_hyperparameters(model::testing::GgufWriter& file, const Shape& shape);

// Tensors outside the layers, beside the embedding, the head and its norm.
void add_part_ends(Tensors& tensors, const Shape& shape, uint32_t vocabulary);

void add_layer(Tensors& tensors, const Shape& shape, uint32_t layer);

}  // namespace exogpu::tiny
