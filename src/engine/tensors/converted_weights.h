// Weights that a device holds in another type than the file has them.
#pragma once

#include <cstdint>
#include <string>

#include "base/units.h"

namespace exogpu::engine {

// All of one type, which the device cannot compute with, in one other type (gpu/layouts/conversion.h).
struct ConvertedWeights {
  std::string type;  // of the file, as ggml names it: "mxfp4"
  std::string held_as;
  std::string how;       // "exactly", or a bound of the error, for people
  uint32_t tensors = 0;  // of the file
  Bytes bytes = 0;       // on the device
};

}  // namespace exogpu::engine
