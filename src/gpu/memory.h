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

// Names one allocation of one DeviceMemory. Never given out a second time, so a handle that was freed, or that belongs
// to another device, is told apart from a good one.
using BufferId = Strong<uint64_t, struct BufferIdTag>;

// A point in the queue of a device's asynchronous work.
class Event {
 public:
  Event(Event&&) noexcept;
  Event& operator=(Event&&) noexcept;
  ~Event();
  // Returns when all work queued before the event was recorded is done. May be called again.
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
// Every argument is checked before a driver sees it. After any error nothing has changed, except that the bytes a copy
// was to write are undefined when the driver failed midway.
// Errors of all calls: invalid_argument for a handle that is not good (freed, of another device, never given out) and
// for a range outside a buffer; unavailable when the driver fails. They name the device and the sizes.
// Any thread may call; calls on one DeviceMemory run one after the other.
class DeviceMemory : public std::enable_shared_from_this<DeviceMemory> {
 public:
  static Result<std::shared_ptr<DeviceMemory>> open(const Device& device);
  ~DeviceMemory();  // frees what is still allocated
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  const Device& device() const;
  MemoryInfo info() const { return device().memory(); }

  // `size` > 0 bytes of undefined content.
  // Errors: out_of_memory when the device has not that many bytes free, resource_exhausted when one buffer cannot be
  // that large.
  Result<BufferId> allocate(Bytes size);
  Result<void> free(BufferId buffer);
  Result<Bytes> size_of(BufferId buffer) const;
  Bytes allocated() const;  // the sum of all buffers
  size_t allocation_count() const;

  // Copies that are done when they return, after all asynchronous work queued before.
  Result<void> upload(BufferId to, Bytes to_offset, std::span<const std::byte> from);
  Result<void> download(BufferId from, Bytes from_offset, std::span<std::byte> to);
  // Ranges of one buffer must not overlap.
  Result<void> copy(BufferId from, Bytes from_offset, BufferId to, Bytes to_offset, Bytes size);

  // Copies that are queued: they run in order, and may be done only after synchronize() or an event's wait(). Until
  // then host memory must stay as it is; it is copied without a detour when it is a HostBuffer. On a device without a
  // queue (asynchronous() is false) they are done when they return.
  Result<void> upload_async(BufferId to, Bytes to_offset, std::span<const std::byte> from);
  Result<void> download_async(BufferId from, Bytes from_offset, std::span<std::byte> to);
  Result<void> copy_async(BufferId from, Bytes from_offset, BufferId to, Bytes to_offset, Bytes size);
  bool asynchronous() const;
  // Marks the end of the queue as it is now. Without events on the device, waits for that end instead.
  Result<Event> record();
  Result<void> synchronize();

 private:
  friend class Event;
  friend Result<void> copy(DeviceMemory&, BufferId, Bytes, DeviceMemory&, BufferId, Bytes, Bytes);
  struct Impl;
  explicit DeviceMemory(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Copies from one device to another, directly where the backends can. Done when it returns.
Result<void> copy(DeviceMemory& from_memory, BufferId from, Bytes from_offset, DeviceMemory& to_memory, BufferId to,
                  Bytes to_offset, Bytes size);

}  // namespace exogpu::gpu
