// What streams, in all shards of a chain.
#pragma once

#include <cstdint>

#include "base/units.h"
#include "engine/chain.h"

namespace exogpu::engine {

struct Streaming {
  uint32_t layers = 0;
  Bytes bytes = 0;         // of the file, for each step
  double bytes_per_s = 0;  // at which layers were read so far, and written as the device has them; 0: none yet
  double waited_s = 0;     // so far, for layers that were not there yet
};

Streaming streaming_of(const Chain& chain);

}  // namespace exogpu::engine
