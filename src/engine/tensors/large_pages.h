// Large pages for memory that each step reads from end to end.
#pragma once

#include <ggml-backend.h>

namespace exogpu::engine {

// Asks the system to back the buffer with large pages where they fit in whole, before it is written. Weights are read
// from end to end for each token, and with pages of 4 KiB the processor looks up a new address every 4 KiB. Changes
// nothing but the speed; a system without large pages ignores it. Precondition: the buffer is host memory.
void prefer_large_pages(ggml_backend_buffer_t buffer);

}  // namespace exogpu::engine
