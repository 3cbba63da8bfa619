// A context: the devices of this machine, and what belongs to them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "capi/executor.h"
#include "capi/handles.h"
#include "gpu/buffer.h"
#include "gpu/device.h"
#include "gpu/sensors/sensor_reader.h"

namespace exogpu::capi {

// What all objects of a context share.
struct Core {
  explicit Core(gpu::Machine found) : machine(std::move(found)) {}
  gpu::Machine machine;
  Mutex sensors_mutex;
  gpu::SensorReader sensors EXO_GUARDED_BY(sensors_mutex);
  // Held while a task is given to the queues of two devices: all queues then have such pairs in the same order, so that
  // two of them never wait for each other.
  Mutex pairs;
};

// Any thread may call.
class DeviceObject final : public Object {
 public:
  static constexpr Kind kKind = Kind::device;
  DeviceObject(std::shared_ptr<Core> core, const gpu::Device& device) : core_(std::move(core)), device_(&device) {}

  const gpu::Device& device() const { return *device_; }
  Core& core() const { return *core_; }
  // Opened with the first call. Errors: those of DeviceMemory::open().
  Result<std::shared_ptr<gpu::DeviceMemory>> memory() EXO_EXCLUDES(mutex_);
  // Runs the device's operations with tickets.
  Executor& queue() { return queue_; }
  void shut_down() override { queue_.stop(); }

 private:
  std::shared_ptr<Core> core_;
  const gpu::Device* device_;
  Mutex mutex_;
  std::shared_ptr<gpu::DeviceMemory> memory_ EXO_GUARDED_BY(mutex_);
  Executor queue_;
};

// Immutable but for the bytes.
struct BufferObject final : public Object {
  static constexpr Kind kKind = Kind::buffer;
  BufferObject(std::shared_ptr<DeviceObject> on, uint64_t handle, gpu::Buffer memory)
      : device(std::move(on)), device_handle(handle), buffer(std::move(memory)) {}
  std::shared_ptr<DeviceObject> device;
  uint64_t device_handle;
  gpu::Buffer buffer;
};

class ContextObject final : public Object {
 public:
  static constexpr Kind kKind = Kind::context;
  explicit ContextObject(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  const std::shared_ptr<Core>& core() const { return core_; }
  // Handles of the devices, best first. Set once, before the context's handle is given out.
  const std::vector<uint64_t>& devices() const { return devices_; }
  void set_devices(std::vector<uint64_t> devices) { devices_ = std::move(devices); }
  // Runs operations with tickets that are no device's: the loading of models.
  Executor& queue() { return queue_; }
  void shut_down() override { queue_.stop(); }

 private:
  std::shared_ptr<Core> core_;
  std::vector<uint64_t> devices_;
  Executor queue_;
};

}  // namespace exogpu::capi
