// The memory of one JavaScript runtime.
//
// QuickJS does not survive a failed allocation everywhere: it asserts, or uses what it freed. So none fails here. One
// that is beyond the limit leaves run() altogether, and the heap is dropped as a whole with the runtime in it.
// A runtime is never freed on its own.
#pragma once

#include <quickjs/quickjs.h>

#include <csetjmp>

#include "base/units.h"

namespace exogpu::model::jinja {

class Heap {
 public:
  Heap() = default;
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;
  ~Heap();

  // Of all blocks together. Counts for the next run().
  void set_limit(Bytes limit) { limit_ = limit; }

  // Calls `body`, which may use the runtime. False: it was left in the middle for want of memory, and neither the
  // runtime nor anything in it may be used again. `body` and what it calls must have no local that needs a destructor.
  template <typename Body>
  bool run(Body body) {
    return run_erased([](void* it) { (*static_cast<Body*>(it))(); }, &body);
  }

  JSRuntime* new_runtime();  // inside run()

 private:
  struct Block;

  bool run_erased(void (*body)(void*), void* data);
  // A block of `size` bytes in place of `old`, which may be null.
  void* reallocate(JSMallocState* state, Block* old, size_t size);
  void release(JSMallocState* state, Block* block);

  Block* blocks_ = nullptr;  // all that are allocated, each linked to the next and the one before
  Bytes limit_ = 0;
  Bytes used_ = 0;
  std::jmp_buf escape_;
};

}  // namespace exogpu::model::jinja
