#pragma once

#include <span>

#include "tiny_model/shape.h"

namespace exogpu::tiny {

// All families, in the order of --list.
std::span<const Shape> shapes();

}  // namespace exogpu::tiny
