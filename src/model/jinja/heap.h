// The memory of one JavaScript runtime.
//
// QuickJS does not survive every failed allocation: it asserts, or uses freed memory. So no allocation fails here. An
// allocation beyond the limit leaves run() by longjmp, and the heap is discarded as a whole, including the runtime. A
// runtime is never freed separately.
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

  // For all blocks together. Takes effect in the next run().
  void set_limit(Bytes limit) { limit_ = limit; }

  // Calls `body`, which may use the runtime. False: it ran out of memory, and neither the runtime nor anything in it
  // may be used again. `body` and its callees must not have locals with destructors.
  template <typename Body>
  bool run(Body body) {
    return run_erased([](void* it) { (*static_cast<Body*>(it))(); }, &body);
  }

  JSRuntime* new_runtime();  // inside run()

 private:
  struct Block;

  bool run_erased(void (*body)(void*), void* data);
  // Replaces `old`, which may be null, by a block of `size` bytes.
  void* reallocate(JSMallocState* state, Block* old, size_t size);
  void release(JSMallocState* state, Block* block);

  Block* blocks_ = nullptr;  // all allocated blocks, doubly linked
  Bytes limit_ = 0;
  Bytes used_ = 0;
  std::jmp_buf escape_;
};

}  // namespace exogpu::model::jinja
