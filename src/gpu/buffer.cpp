#include "gpu/buffer.h"

#include <ggml-backend.h>

#include <new>
#include <utility>

#include "gpu/guard.h"
#include "gpu/host.h"

namespace exogpu::gpu {

Result<Buffer> Buffer::allocate(std::shared_ptr<DeviceMemory> memory, Bytes size) {
  EXO_TRY(BufferId id, memory->allocate(size));
  return Buffer(std::move(memory), id, size);
}

Buffer::Buffer(std::shared_ptr<DeviceMemory> memory, BufferId id, Bytes size)
    : memory_(std::move(memory)), id_(id), size_(size) {}

Buffer::Buffer(Buffer&& other) noexcept
    : memory_(std::move(other.memory_)), id_(other.id_), size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(id_, other.id_);
  std::swap(size_, other.size_);
  return *this;
}

Buffer::~Buffer() {
  if (memory_ != nullptr) (void)memory_->free(id_);
}

Result<void> copy(const Buffer& from, Bytes from_offset, const Buffer& to, Bytes to_offset, Bytes size) {
  return copy(*from.memory(), from.id(), from_offset, *to.memory(), to.id(), to_offset, size);
}

struct HostBuffer::Impl {
  ggml_backend_buffer_t from_backend = nullptr;
  bool is_pinned = false;
  std::unique_ptr<std::byte[]> ordinary;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    try {
      ggml_backend_buffer_free(from_backend);
    } catch (...) {
    }
  }
};

HostBuffer::HostBuffer(std::unique_ptr<Impl> impl, std::span<std::byte> bytes)
    : impl_(std::move(impl)), bytes_(bytes) {}
HostBuffer::HostBuffer(HostBuffer&&) noexcept = default;
HostBuffer& HostBuffer::operator=(HostBuffer&&) noexcept = default;
HostBuffer::~HostBuffer() = default;

bool HostBuffer::pinned() const { return impl_ != nullptr && impl_->is_pinned; }

Result<HostBuffer> HostBuffer::allocate(const Device& device, Bytes size) {
  if (size == 0) return fail(ErrorCode::invalid_argument, "host memory of 0 bytes was asked for");
  if (MemoryInfo host = read_host_memory(); host.total != 0 && size > host.free) {
    return fail(ErrorCode::out_of_memory, "the host has {} free of {}, but {} were asked for", format_bytes(host.free),
                format_bytes(host.total), format_bytes(size));
  }
  auto impl = std::make_unique<Impl>();
  ggml_backend_buffer_type_t type = ggml_backend_dev_host_buffer_type(device.handle());
  if (type != nullptr) {
    // Pinned memory is scarce; without it copies are slower, but right.
    auto buffer = guarded(device, "pinning host memory", [&]() -> ggml_backend_buffer_t {
      return size <= ggml_backend_buft_get_max_size(type) ? ggml_backend_buft_alloc_buffer(type, size) : nullptr;
    });
    impl->from_backend = buffer.value_or(nullptr);
    // A backend out of pinned memory gives ordinary memory, under another type.
    impl->is_pinned = impl->from_backend != nullptr && ggml_backend_buffer_get_type(impl->from_backend) == type;
  }
  std::byte* start = nullptr;
  if (impl->from_backend != nullptr) {
    start = static_cast<std::byte*>(ggml_backend_buffer_get_base(impl->from_backend));
  } else {
    impl->ordinary.reset(new (std::nothrow) std::byte[size]);
    start = impl->ordinary.get();
  }
  if (start == nullptr) {
    return fail(ErrorCode::out_of_memory, "the host has no {} for copies with {}", format_bytes(size),
                device.info().id);
  }
  return HostBuffer(std::move(impl), {start, size});
}

}  // namespace exogpu::gpu
