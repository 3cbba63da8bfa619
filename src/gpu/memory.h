// Memory of a device: allocations named by handles, and copies between it, the host and other devices.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/strong.h"
#include "base/units.h"
#include "gpu/device.h"

namespace exogpu::gpu {

// Names one allocation of one DeviceMemory. Values are never reused, so a handle that was freed or belongs to
// another device is recognised as invalid.
using BufferId = Strong<uint64_t, struct BufferIdTag>;

// A point in the queue of a device's asynchronous work.
class Event {
 public:
  Event(Event&&) noexcept;
  Event& operator=(Event&&) noexcept;
  ~Event();
  // Returns when all work that was queued before the event is done. May be called again.
  // Errors: unavailable when the device was lost.
  Result<void> wait();

 private:
  friend class DeviceMemory;
  struct Impl;
  explicit Event(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The allocations of this process on one device, and the queue its asynchronous copies run in.
//
// Arguments are checked before the driver receives them. After an error nothing has changed, except that the
// destination of a copy is undefined if the driver failed midway. Errors of all calls: invalid_argument for an invalid
// handle (freed, of another device, never allocated) and for a range outside a buffer; unavailable when the driver
// fails. They name the device and the sizes. Any thread may call; calls on one DeviceMemory run one after the other.
class DeviceMemory : public std::enable_shared_from_this<DeviceMemory> {
 public:
  static Result<std::shared_ptr<DeviceMemory>> open(const Device& device);
  ~DeviceMemory();  // frees what is still allocated
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  const Device& device() const;
  MemoryInfo info() const { return device().memory(); }

  // Allocates `size` > 0 bytes of undefined content.
  // Errors: out_of_memory when the device has fewer bytes free, resource_exhausted when the size exceeds that of one
  // buffer.
  Result<BufferId> allocate(Bytes size);
  Result<void> free(BufferId buffer);
  Result<Bytes> size_of(BufferId buffer) const;
  // Where its bytes are, on a device in the host's memory; null on others. Valid until it is freed.
  Result<std::byte*> host_address(BufferId buffer) const;
  Bytes allocated() const;  // the sum of all buffers
  size_t allocation_count() const;

  // Synchronous copies, after all asynchronous work that is already queued.
  Result<void> upload(BufferId to, Bytes to_offset, std::span<const std::byte> from);
  Result<void> download(BufferId from, Bytes from_offset, std::span<std::byte> to);
  // Ranges of one buffer must not overlap.
  Result<void> copy(BufferId from, Bytes from_offset, BufferId to, Bytes to_offset, Bytes size);

  // Queued copies: they run in order and are done at the latest after synchronize() or an event's wait(). Until then
  // host memory must not change; a HostBuffer is copied without an intermediate buffer. On a device without a queue
  // (asynchronous() is false) they are synchronous.
  Result<void> upload_async(BufferId to, Bytes to_offset, std::span<const std::byte> from);
  Result<void> download_async(BufferId from, Bytes from_offset, std::span<std::byte> to);
  Result<void> copy_async(BufferId from, Bytes from_offset, BufferId to, Bytes to_offset, Bytes size);
  bool asynchronous() const;
  // Marks the current end of the queue. On a device without events, waits for it instead.
  Result<Event> record();
  Result<void> synchronize();

 private:
  friend class Event;
  friend Result<void> copy(DeviceMemory&, BufferId, Bytes, DeviceMemory&, BufferId, Bytes, Bytes);
  struct Impl;
  explicit DeviceMemory(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Copies synchronously from one device to another, directly where the backends support it.
Result<void> copy(DeviceMemory& from_memory, BufferId from, Bytes from_offset, DeviceMemory& to_memory, BufferId to,
                  Bytes to_offset, Bytes size);

}  // namespace exogpu::gpu
