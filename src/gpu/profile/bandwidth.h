// The rate of a device's memory itself, apart from any kernel of a model.
#pragma once

#include "gpu/profile/products.h"

namespace exogpu::gpu {

// Bytes per second; 0: not measured.
struct MemoryRates {
  double read_bytes_per_s = 0;
  double copy_bytes_per_s = 0;  // those read and those written
};

// Reads and copies up to `most` bytes, again and again for about `slice_s` each, and takes the fastest pass. A CPU does
// it with all threads of the bench and the C library's functions; a GPU with its backend's sums of rows and copies.
// What the device or its free memory does not allow is not measured. Errors: unavailable when the driver fails.
Result<MemoryRates> measure_memory(Bench& bench, Bytes most, double slice_s);

}  // namespace exogpu::gpu
