// Sets the number of threads before each segment that the CPU computes.
#pragma once

#include <ggml-backend.h>

#include "engine/segment_hooks.h"
#include "gpu/cpu_threads/compute_threads.h"

namespace exogpu::engine {

class ThreadHooks final : public SegmentHooks {
 public:
  // Borrows all.
  ThreadHooks(gpu::ComputeThreads& threads, ggml_backend_t backend, ggml_backend_set_n_threads_t set)
      : threads_(threads), backend_(backend), set_(set) {}

  Result<void> before(const Segment& /*segment*/) override {
    set_(backend_, static_cast<int>(threads_.begin_step()));
    return {};
  }

 private:
  gpu::ComputeThreads& threads_;
  ggml_backend_t backend_;
  ggml_backend_set_n_threads_t set_;
};

}  // namespace exogpu::engine
