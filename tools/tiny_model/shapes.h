#pragma once

#include <span>

#include "tiny_model/shape.h"

namespace exogpu::tiny {

// Every family there is, in the order in which they are listed.
std::span<const Shape> shapes();

}  // namespace exogpu::tiny
