#include "model/jinja/heap.h"

#include <cstddef>
#include <cstdlib>
#include <utility>

namespace exogpu::model::jinja {

struct alignas(std::max_align_t) Heap::Block {
  Block* previous;
  Block* next;
  size_t size;  // without this header

  void* data() { return this + 1; }
  static Block* of(void* data) { return static_cast<Block*>(data) - 1; }
};

Heap::~Heap() {
  while (blocks_) std::free(std::exchange(blocks_, blocks_->next));
}

bool Heap::run_erased(void (*body)(void*), void* data) {
  if (setjmp(escape_) != 0) return false;
  body(data);
  return true;
}

void* Heap::reallocate(JSMallocState* state, Block* old, size_t size) {
  const Bytes before = old ? sizeof(Block) + old->size : 0;
  if (size > limit_ || used_ - before + sizeof(Block) > limit_ - size) std::longjmp(escape_, 1);
  auto* block = static_cast<Block*>(std::realloc(old, sizeof(Block) + size));
  if (!block) std::longjmp(escape_, 1);
  if (!old) *block = {nullptr, blocks_, 0};
  block->size = size;
  (block->previous ? block->previous->next : blocks_) = block;
  if (block->next) block->next->previous = block;
  used_ += sizeof(Block) + size - before;
  // The runtime uses these counts to decide when to collect garbage.
  state->malloc_count += old ? 0 : 1;
  state->malloc_size += sizeof(Block) + size - before;
  return block->data();
}

void Heap::release(JSMallocState* state, Block* block) {
  (block->previous ? block->previous->next : blocks_) = block->next;
  if (block->next) block->next->previous = block->previous;
  used_ -= sizeof(Block) + block->size;
  --state->malloc_count;
  state->malloc_size -= sizeof(Block) + block->size;
  std::free(block);
}

JSRuntime* Heap::new_runtime() {
  static constexpr auto heap_of = [](JSMallocState* state) { return static_cast<Heap*>(state->opaque); };
  static constexpr JSMallocFunctions functions = {
      .js_malloc = [](JSMallocState* state, size_t size) { return heap_of(state)->reallocate(state, nullptr, size); },
      .js_free =
          [](JSMallocState* state, void* data) {
            if (data) heap_of(state)->release(state, Block::of(data));
          },
      .js_realloc = [](JSMallocState* state, void* data, size_t size) -> void* {
        Block* block = data ? Block::of(data) : nullptr;
        if (size > 0) return heap_of(state)->reallocate(state, block, size);
        if (block) heap_of(state)->release(state, block);
        return nullptr;
      },
      .js_malloc_usable_size = [](const void* data) { return Block::of(const_cast<void*>(data))->size; },
  };
  return JS_NewRuntime2(&functions, this);
}

}  // namespace exogpu::model::jinja
