// Owners of memory: a buffer on a device, and host memory that a device copies from and to directly.
#pragma once

#include <memory>
#include <span>

#include "gpu/memory.h"

namespace exogpu::gpu {

// One allocation of a DeviceMemory, freed with this object; keeps that DeviceMemory alive.
class Buffer {
 public:
  static Result<Buffer> allocate(std::shared_ptr<DeviceMemory> memory, Bytes size);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  BufferId id() const { return id_; }
  Bytes size() const { return size_; }
  const Device& device() const { return memory_->device(); }
  const std::shared_ptr<DeviceMemory>& memory() const { return memory_; }

  Result<void> upload(std::span<const std::byte> from, Bytes offset = 0) { return memory_->upload(id_, offset, from); }
  Result<void> download(std::span<std::byte> to, Bytes offset = 0) const { return memory_->download(id_, offset, to); }

 private:
  Buffer(std::shared_ptr<DeviceMemory> memory, BufferId id, Bytes size);
  std::shared_ptr<DeviceMemory> memory_;  // null after a move
  BufferId id_;
  Bytes size_ = 0;
};

// Copies between two buffers, of one device or of two. Done when it returns.
Result<void> copy(const Buffer& from, Bytes from_offset, const Buffer& to, Bytes to_offset, Bytes size);

// Host memory for copies with one device: pinned where its backend has pinned memory to give, else ordinary.
class HostBuffer {
 public:
  // `size` > 0. Errors: invalid_argument, out_of_memory.
  static Result<HostBuffer> allocate(const Device& device, Bytes size);
  HostBuffer(HostBuffer&&) noexcept;
  HostBuffer& operator=(HostBuffer&&) noexcept;
  ~HostBuffer();

  std::span<std::byte> bytes() { return bytes_; }
  bool pinned() const;

 private:
  struct Impl;
  explicit HostBuffer(std::unique_ptr<Impl> impl, std::span<std::byte> bytes);
  std::unique_ptr<Impl> impl_;
  std::span<std::byte> bytes_;
};

}  // namespace exogpu::gpu
