// Lets a process survive reads of mapped pages that the system can no longer provide.
//
// The first guarded mapping installs a SIGBUS handler. On a fault inside a guarded mapping, on any thread, it maps
// pages of zeros over the rest of that mapping and marks it as damaged; the read continues. All other faults go to the
// previous handler, or end the process as without this handler.
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

// The number of mappings that can be guarded at once.
inline constexpr size_t kGuardedMappingsMax = 8192;

// Guards the whole pages that contain [address, address + size), until the result is destroyed; unmap after that. Null
// if kGuardedMappingsMax mappings are guarded already. Any thread.
MappingGuard guard_mapping(void* address, size_t size);

}  // namespace exogpu::model
