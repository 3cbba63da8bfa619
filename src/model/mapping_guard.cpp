#include "model/mapping_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <mutex>

namespace exogpu::model {
namespace {

// The handler reads this table without a lock. An entry is in use while `begin` is set: `end` is written before
// `begin`, and `begin` is cleared first.
std::array<GuardedMapping, kGuardedMappingsMax> guarded_mappings;
size_t page_bytes = 4096;
struct sigaction previous_action = {};

// Two threads may fault on one page, and the later one covers what the earlier one reads already: zeros by zeros.
// ThreadSanitizer takes a call of mmap() for a write to all these pages, so there the kernel is called directly.
bool map_zeros(std::byte* begin, size_t bytes) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
#if __has_feature(thread_sanitizer)
  return syscall(SYS_mmap, begin, bytes, PROT_READ, kFlags, -1, 0) != -1;
#else
  return mmap(begin, bytes, PROT_READ, kFlags, -1, 0) != MAP_FAILED;
#endif
}

// Async-signal-safe. Returns whether the fault was in a guarded mapping; if so, zeros are mapped from there on.
bool cover_fault(std::byte* address) {
  for (GuardedMapping& slot : guarded_mappings) {
    std::byte* begin = slot.begin.load(std::memory_order_acquire);
    std::byte* end = slot.end.load(std::memory_order_acquire);
    if (begin == nullptr || address < begin || address >= end || slot.begin.load() != begin) continue;
    std::byte* page = address - reinterpret_cast<uintptr_t>(address) % page_bytes;
    if (!map_zeros(page, static_cast<size_t>(end - page))) return false;
    slot.damaged.store(true, std::memory_order_release);
    return true;
  }
  return false;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const bool covered = cover_fault(static_cast<std::byte*>(info->si_addr));
  errno = saved_errno;
  if (covered) return;
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) return previous_action.sa_sigaction(signal, info, context);
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN)
    return previous_action.sa_handler(signal);
  // The faulting instruction runs again and ends the process with the right status.
  sigaction(SIGBUS, &previous_action, nullptr);
}

void install_handler() {
  page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous_action);
}

}  // namespace

MappingGuard guard_mapping(void* address, size_t size) {
  static std::once_flag installed;
  std::call_once(installed, install_handler);
  auto* begin = static_cast<std::byte*>(address);
  for (GuardedMapping& slot : guarded_mappings) {
    if (slot.taken.exchange(true, std::memory_order_acquire)) continue;
    slot.damaged.store(false, std::memory_order_relaxed);
    slot.end.store(begin + (size + page_bytes - 1) / page_bytes * page_bytes, std::memory_order_release);
    slot.begin.store(begin, std::memory_order_release);
    return MappingGuard(&slot);
  }
  return nullptr;
}

void Unguard::operator()(GuardedMapping* mapping) const {
  mapping->begin.store(nullptr);
  mapping->taken.store(false, std::memory_order_release);
}

}  // namespace exogpu::model
