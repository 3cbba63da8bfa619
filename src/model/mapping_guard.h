// Lets a process survive reads of mapped pages that the system can no longer provide.
//
// The first guarded mapping installs a handler of SIGBUS. A fault inside a guarded mapping, on any thread, puts pages
// of zeros over the rest of that mapping and marks it as damaged, and the read goes on. Every other fault goes to the
// handler that was there before, or ends the process as it would have.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace exogpu::model {

struct GuardedMapping {
  std::atomic<std::byte*> begin = nullptr;
  std::atomic<std::byte*> end = nullptr;
  std::atomic<bool> taken = false;
  std::atomic<bool> damaged = false;  // set by the handler; never cleared while the mapping is guarded
};

struct Unguard {
  void operator()(GuardedMapping* mapping) const;
};
using MappingGuard = std::unique_ptr<GuardedMapping, Unguard>;

// How many mappings can be guarded at once.
inline constexpr size_t kGuardedMappingsMax = 8192;

// Guards the whole pages that hold [address, address + size), until the result is destroyed; unmap after that.
// Null when kGuardedMappingsMax mappings are guarded already. From any thread.
MappingGuard guard_mapping(void* address, size_t size);

}  // namespace exogpu::model
