#include "gpu/memory.h"

#include <ggml-backend.h>

#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"
#include "gpu/guard.h"

namespace exogpu::gpu {
namespace {

// A handle is the number of its DeviceMemory above, and a serial number below that no other handle ever has.
constexpr unsigned kSerialBits = 48;
constexpr uint64_t kSerialMask = (uint64_t{1} << kSerialBits) - 1;
constexpr uint64_t kMostMemories = (uint64_t{1} << (64 - kSerialBits)) - 1;

// The size of the pieces of a copy between devices: one through the host uses no more of its memory.
constexpr Bytes kPiece = 64 * MiB;

std::atomic<uint64_t> memories_opened = 0;

struct FreeBuffer {
  void operator()(ggml_backend_buffer_t buffer) const {
    try {
      ggml_backend_buffer_free(buffer);
    } catch (...) {
      // The device is lost, and its memory with it.
    }
  }
};
using OwnedBuffer = std::unique_ptr<ggml_backend_buffer, FreeBuffer>;

struct FreeBackend {
  void operator()(ggml_backend_t backend) const {
    try {
      ggml_backend_free(backend);
    } catch (...) {
    }
  }
};
using OwnedBackend = std::unique_ptr<ggml_backend, FreeBackend>;

struct FreeEvent {
  void operator()(ggml_backend_event_t event) const {
    try {
      ggml_backend_event_free(event);
    } catch (...) {
    }
  }
};
using OwnedEvent = std::unique_ptr<ggml_backend_event, FreeEvent>;

struct Allocation {
  OwnedBuffer buffer;
  Bytes size = 0;
};

// A tensor that stands for a range of bytes in ggml's copies. size > 0.
ggml_tensor bytes_of(const Allocation& allocation, Bytes offset, Bytes size) {
  ggml_tensor tensor = {};
  tensor.type = GGML_TYPE_I8;
  tensor.ne[0] = static_cast<int64_t>(size);
  tensor.ne[1] = tensor.ne[2] = tensor.ne[3] = 1;
  tensor.nb[0] = 1;
  tensor.nb[1] = tensor.nb[2] = tensor.nb[3] = size;
  tensor.buffer = allocation.buffer.get();
  tensor.data = static_cast<std::byte*>(ggml_backend_buffer_get_base(allocation.buffer.get())) + offset;
  return tensor;
}

}  // namespace

struct DeviceMemory::Impl {
  Device device;
  uint64_t number = 0;
  OwnedBackend backend;  // the queue; freed after the buffers
  ggml_backend_dev_caps caps = {};
  mutable Mutex mutex;
  uint64_t next_serial EXO_GUARDED_BY(mutex) = 1;
  Bytes allocated EXO_GUARDED_BY(mutex) = 0;
  bool pending EXO_GUARDED_BY(mutex) = false;  // something was queued that synchronize() has not waited for
  std::unordered_map<uint64_t, Allocation> allocations EXO_GUARDED_BY(mutex);

  explicit Impl(const Device& d) : device(d) {}

  std::string name() const { return std::format("{} ({})", device.info().id, device.info().name); }

  Result<const Allocation*> find(BufferId id) const EXO_REQUIRES(mutex) {
    auto found = allocations.find(id.value());
    if (found != allocations.end()) return &found->second;
    uint64_t owner = id.value() >> kSerialBits;
    uint64_t serial = id.value() & kSerialMask;
    std::string_view why = "was never given out";
    if (owner == number && serial != 0 && serial < next_serial) why = "was freed before";
    if (owner != number && owner != 0 && owner <= memories_opened) why = "belongs to other memory";
    return fail(ErrorCode::invalid_argument, "{}: the buffer handle {:#x} {}", name(), id.value(), why);
  }

  Result<const Allocation*> range(BufferId id, Bytes offset, Bytes size) const EXO_REQUIRES(mutex) {
    EXO_TRY(const Allocation* allocation, find(id));
    if (offset <= allocation->size && size <= allocation->size - offset) return allocation;
    return fail(ErrorCode::invalid_argument, "{}: {} bytes at offset {} reach outside a buffer of {} bytes", name(),
                size, offset, allocation->size);
  }

  Result<void> synchronize() EXO_REQUIRES(mutex) {
    if (!pending) return {};
    EXO_CHECK(guarded(device, "waiting for copies", [&] { ggml_backend_synchronize(backend.get()); }));
    pending = false;
    return {};
  }

  Result<void> check_overlap(BufferId from, Bytes from_offset, BufferId to, Bytes to_offset, Bytes size) const {
    Bytes low = std::min(from_offset, to_offset);
    Bytes high = std::max(from_offset, to_offset);
    if (from != to || high - low >= size) return {};
    return fail(ErrorCode::invalid_argument, "{}: a copy of {} bytes from offset {} to offset {} overlaps itself",
                name(), size, from_offset, to_offset);
  }
};

Result<std::shared_ptr<DeviceMemory>> DeviceMemory::open(const Device& device) {
  uint64_t number = ++memories_opened;
  if (number > kMostMemories) {
    return fail(ErrorCode::resource_exhausted, "{}: device memory was opened {} times already; keep it open instead",
                device.info().id, kMostMemories);
  }
  auto impl = std::make_unique<Impl>(device);
  impl->number = number;
  auto backend = guarded(device, "opening the device", [&] {
    ggml_backend_dev_props props = {};
    ggml_backend_dev_get_props(device.handle(), &props);
    impl->caps = props.caps;
    return OwnedBackend(ggml_backend_dev_init(device.handle(), nullptr));
  });
  if (!backend) return std::unexpected(std::move(backend).error());
  if (*backend == nullptr) {
    return fail(ErrorCode::unavailable, "{}: the device cannot be opened{}", impl->name(), ggml_reason());
  }
  impl->backend = *std::move(backend);
  return std::shared_ptr<DeviceMemory>(new DeviceMemory(std::move(impl)));
}

DeviceMemory::DeviceMemory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DeviceMemory::~DeviceMemory() {
  if (impl_->pending) (void)impl_->synchronize();
}

const Device& DeviceMemory::device() const { return impl_->device; }

bool DeviceMemory::asynchronous() const { return impl_->caps.async; }

Result<BufferId> DeviceMemory::allocate(Bytes size) {
  const MutexLock lock(impl_->mutex);
  const Device& device = impl_->device;
  if (size == 0) return fail(ErrorCode::invalid_argument, "{}: a buffer of 0 bytes was asked for", impl_->name());
  MemoryInfo memory = device.memory();
  // Asked first, since a host that overcommits would grant any size and end the process when it is used.
  if (size > memory.free) {
    return fail(ErrorCode::out_of_memory, "{}: {} ({} bytes) do not fit: {} of {} are free", impl_->name(),
                format_bytes(size), size, format_bytes(memory.free), format_bytes(memory.total));
  }
  ggml_backend_buffer_type_t type = ggml_backend_dev_buffer_type(device.handle());
  EXO_TRY(size_t largest,
          guarded(device, "asking for the largest buffer", [&] { return ggml_backend_buft_get_max_size(type); }));
  if (size > largest) {
    return fail(ErrorCode::resource_exhausted, "{}: {} ({} bytes) are too many for one buffer, which holds up to {}",
                impl_->name(), format_bytes(size), size, format_bytes(largest));
  }
  EXO_TRY(OwnedBuffer buffer, guarded(device, std::format("allocating {}", format_bytes(size)),
                                      [&] { return OwnedBuffer(ggml_backend_buft_alloc_buffer(type, size)); }));
  if (buffer == nullptr) {
    return fail(ErrorCode::out_of_memory, "{}: the driver refused {} ({} bytes) with {} of {} free{}", impl_->name(),
                format_bytes(size), size, format_bytes(memory.free), format_bytes(memory.total), ggml_reason());
  }
  BufferId id((impl_->number << kSerialBits) | (impl_->next_serial++ & kSerialMask));
  impl_->allocations.emplace(id.value(), Allocation{.buffer = std::move(buffer), .size = size});
  impl_->allocated += size;
  return id;
}

Result<void> DeviceMemory::free(BufferId id) {
  const MutexLock lock(impl_->mutex);
  EXO_TRY(const Allocation* allocation, impl_->find(id));
  // Freed even if waiting fails: the device is lost then, and nothing will touch the memory.
  Result<void> waited = impl_->synchronize();
  impl_->allocated -= allocation->size;
  impl_->allocations.erase(id.value());
  return waited;
}

Result<Bytes> DeviceMemory::size_of(BufferId id) const {
  const MutexLock lock(impl_->mutex);
  EXO_TRY(const Allocation* allocation, impl_->find(id));
  return allocation->size;
}

Result<std::byte*> DeviceMemory::host_address(BufferId id) const {
  const MutexLock lock(impl_->mutex);
  EXO_TRY(const Allocation* allocation, impl_->find(id));
  if (!ggml_backend_buffer_is_host(allocation->buffer.get())) return nullptr;
  return static_cast<std::byte*>(ggml_backend_buffer_get_base(allocation->buffer.get()));
}

Bytes DeviceMemory::allocated() const {
  const MutexLock lock(impl_->mutex);
  return impl_->allocated;
}

size_t DeviceMemory::allocation_count() const {
  const MutexLock lock(impl_->mutex);
  return impl_->allocations.size();
}

Result<void> DeviceMemory::upload(BufferId to, Bytes to_offset, std::span<const std::byte> from) {
  const MutexLock lock(impl_->mutex);
  EXO_TRY(const Allocation* target, impl_->range(to, to_offset, from.size()));
  if (from.empty()) return {};
  EXO_CHECK(impl_->synchronize());
  return guarded(impl_->device, std::format("uploading {}", format_bytes(from.size())), [&] {
    ggml_tensor tensor = bytes_of(*target, to_offset, from.size());
    ggml_backend_tensor_set(&tensor, from.data(), 0, from.size());
  });
}

Result<void> DeviceMemory::download(BufferId from, Bytes from_offset, std::span<std::byte> to) {
  const MutexLock lock(impl_->mutex);
  EXO_TRY(const Allocation* source, impl_->range(from, from_offset, to.size()));
  if (to.empty()) return {};
  EXO_CHECK(impl_->synchronize());
  return guarded(impl_->device, std::format("downloading {}", format_bytes(to.size())), [&] {
    ggml_tensor tensor = bytes_of(*source, from_offset, to.size());
    ggml_backend_tensor_get(&tensor, to.data(), 0, to.size());
  });
}

Result<void> DeviceMemory::copy(BufferId from, Bytes from_offset, BufferId to, Bytes to_offset, Bytes size) {
  const MutexLock lock(impl_->mutex);
  EXO_TRY(const Allocation* source, impl_->range(from, from_offset, size));
  EXO_TRY(const Allocation* target, impl_->range(to, to_offset, size));
  EXO_CHECK(impl_->check_overlap(from, from_offset, to, to_offset, size));
  if (size == 0) return {};
  EXO_CHECK(impl_->synchronize());
  return guarded(impl_->device, std::format("copying {}", format_bytes(size)), [&] {
    ggml_tensor source_tensor = bytes_of(*source, from_offset, size);
    ggml_tensor target_tensor = bytes_of(*target, to_offset, size);
    ggml_backend_tensor_copy(&source_tensor, &target_tensor);
  });
}

Result<void> DeviceMemory::upload_async(BufferId to, Bytes to_offset, std::span<const std::byte> from) {
  const MutexLock lock(impl_->mutex);
  EXO_TRY(const Allocation* target, impl_->range(to, to_offset, from.size()));
  if (from.empty()) return {};
  impl_->pending = true;
  return guarded(impl_->device, std::format("uploading {}", format_bytes(from.size())), [&] {
    ggml_tensor tensor = bytes_of(*target, to_offset, from.size());
    ggml_backend_tensor_set_async(impl_->backend.get(), &tensor, from.data(), 0, from.size());
  });
}

Result<void> DeviceMemory::download_async(BufferId from, Bytes from_offset, std::span<std::byte> to) {
  const MutexLock lock(impl_->mutex);
  EXO_TRY(const Allocation* source, impl_->range(from, from_offset, to.size()));
  if (to.empty()) return {};
  impl_->pending = true;
  return guarded(impl_->device, std::format("downloading {}", format_bytes(to.size())), [&] {
    ggml_tensor tensor = bytes_of(*source, from_offset, to.size());
    ggml_backend_tensor_get_async(impl_->backend.get(), &tensor, to.data(), 0, to.size());
  });
}

Result<void> DeviceMemory::copy_async(BufferId from, Bytes from_offset, BufferId to, Bytes to_offset, Bytes size) {
  const MutexLock lock(impl_->mutex);
  EXO_TRY(const Allocation* source, impl_->range(from, from_offset, size));
  EXO_TRY(const Allocation* target, impl_->range(to, to_offset, size));
  EXO_CHECK(impl_->check_overlap(from, from_offset, to, to_offset, size));
  if (size == 0) return {};
  impl_->pending = true;
  return guarded(impl_->device, std::format("copying {}", format_bytes(size)), [&] {
    ggml_tensor source_tensor = bytes_of(*source, from_offset, size);
    ggml_tensor target_tensor = bytes_of(*target, to_offset, size);
    ggml_backend_t queue = impl_->backend.get();
    ggml_backend_tensor_copy_async(queue, queue, &source_tensor, &target_tensor);
  });
}

Result<void> DeviceMemory::synchronize() {
  const MutexLock lock(impl_->mutex);
  return impl_->synchronize();
}

Result<void> copy(DeviceMemory& from_memory, BufferId from, Bytes from_offset, DeviceMemory& to_memory, BufferId to,
                  Bytes to_offset, Bytes size) {
  if (&from_memory == &to_memory) return from_memory.copy(from, from_offset, to, to_offset, size);
  const TwoMutexLock lock(from_memory.impl_->mutex, to_memory.impl_->mutex);
  EXO_TRY(const Allocation* source, from_memory.impl_->range(from, from_offset, size));
  EXO_TRY(const Allocation* target, to_memory.impl_->range(to, to_offset, size));
  EXO_CHECK(from_memory.impl_->synchronize());
  EXO_CHECK(to_memory.impl_->synchronize());
  for (Bytes done = 0; done < size; done += kPiece) {
    Bytes piece = std::min(kPiece, size - done);
    EXO_CHECK(guarded(to_memory.device(),
                      std::format("copying {} from {}", format_bytes(size), from_memory.impl_->name()), [&] {
                        ggml_tensor source_tensor = bytes_of(*source, from_offset + done, piece);
                        ggml_tensor target_tensor = bytes_of(*target, to_offset + done, piece);
                        ggml_backend_tensor_copy(&source_tensor, &target_tensor);
                      }));
  }
  return {};
}

struct Event::Impl {
  std::shared_ptr<DeviceMemory> memory;
  OwnedEvent event;  // null: reached already
};

Event::Event(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Event::Event(Event&&) noexcept = default;
Event& Event::operator=(Event&&) noexcept = default;
Event::~Event() = default;

Result<Event> DeviceMemory::record() {
  const MutexLock lock(impl_->mutex);
  auto event = std::make_unique<Event::Impl>();
  event->memory = shared_from_this();
  if (impl_->caps.events) {
    EXO_CHECK(guarded(impl_->device, "recording an event", [&] {
      event->event.reset(ggml_backend_event_new(impl_->device.handle()));
      if (event->event != nullptr) ggml_backend_event_record(event->event.get(), impl_->backend.get());
    }));
  }
  if (event->event == nullptr) EXO_CHECK(impl_->synchronize());
  return Event(std::move(event));
}

Result<void> Event::wait() {
  if (impl_ == nullptr || impl_->event == nullptr) return {};
  DeviceMemory::Impl& memory = *impl_->memory->impl_;
  const MutexLock lock(memory.mutex);
  return guarded(memory.device, "waiting for an event", [&] { ggml_backend_event_synchronize(impl_->event.get()); });
}

}  // namespace exogpu::gpu
