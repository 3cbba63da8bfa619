// The tensors of each kind of mixer. `block` is the prefix of their names.
#pragma once

#include <string>

#include "tiny_model/shape.h"
#include "tiny_model/tensors.h"

namespace exogpu::tiny {

void add_attention(Tensors& tensors, const Shape& shape, uint32_t layer, const std::string& block);
void add_latent(Tensors& tensors, const Shape& shape, const std::string& block);
void add_delta(Tensors& tensors, const Shape& shape, const std::string& block);
void add_mamba2(Tensors& tensors, const Shape& shape, const std::string& block);
void add_short_convolution(Tensors& tensors, const Shape& shape, const std::string& block);

}  // namespace exogpu::tiny
