// exogpu_buffer_*: memory of devices.
#include <latch>

#include "capi/context.h"
#include "capi/error.h"
#include "capi/structs.h"
#include "capi/ticket.h"

namespace exogpu::capi {
namespace {

using BufferPointer = std::shared_ptr<BufferObject>;

Result<uint64_t> allocate(uint64_t handle, const std::shared_ptr<DeviceObject>& device, uint64_t size) {
  EXO_TRY(auto memory, device->memory());
  EXO_TRY(gpu::Buffer buffer, gpu::Buffer::allocate(std::move(memory), size));
  return handles().add(context_of(handle), std::make_shared<BufferObject>(device, handle, std::move(buffer)));
}

// Of a copy of any direction. Errors: invalid_argument, as the device's memory itself says it, but before it is begun.
Result<void> check_range(const BufferObject& buffer, uint64_t offset, uint64_t size) {
  const Bytes whole = buffer.buffer.size();
  if (offset <= whole && size <= whole - offset) return {};
  return fail(ErrorCode::invalid_argument, "{}: {} bytes at offset {} reach outside a buffer of {} bytes",
              buffer.device->device().info().id, size, offset, whole);
}

Result<std::span<const std::byte>> bytes_at(const void* from, uint64_t size) {
  if (size > 0) EXO_CHECK(need(from, "from"));
  return std::span(static_cast<const std::byte*>(from), size);
}
Result<std::span<std::byte>> bytes_at(void* to, uint64_t size) {
  if (size > 0) EXO_CHECK(need(to, "to"));
  return std::span(static_cast<std::byte*>(to), size);
}

struct Copy {
  BufferPointer from, to;
  uint64_t from_offset = 0, to_offset = 0, size = 0;

  Result<void> run() const { return gpu::copy(from->buffer, from_offset, to->buffer, to_offset, size); }
};

Result<Copy> copy_of(exogpu_buffer from, uint64_t from_offset, exogpu_buffer to, uint64_t to_offset, uint64_t size) {
  EXO_TRY(auto source, handles().find<BufferObject>(from.id));
  EXO_TRY(auto target, handles().find<BufferObject>(to.id));
  if (context_of(from.id) != context_of(to.id)) {
    return fail(ErrorCode::invalid_argument, "the buffer {:#x} is of context {} and {:#x} of context {}", from.id,
                context_of(from.id), to.id, context_of(to.id));
  }
  EXO_CHECK(check_range(*source, from_offset, size));
  EXO_CHECK(check_range(*target, to_offset, size));
  const uint64_t apart = std::max(from_offset, to_offset) - std::min(from_offset, to_offset);
  if (source == target && size > 0 && apart < size) {
    return fail(ErrorCode::invalid_argument, "{}: a copy of {} bytes from offset {} to offset {} overlaps itself",
                source->device->device().info().id, size, from_offset, to_offset);
  }
  return Copy{.from = std::move(source),
              .to = std::move(target),
              .from_offset = from_offset,
              .to_offset = to_offset,
              .size = size};
}

Result<uint64_t> nothing(const Result<void>& done) {
  if (!done) return std::unexpected(done.error());
  return 0;
}

// The queues of both devices stand still for the copy, so that it has its place in the order of each.
Result<void> begin_across(ContextNumber context, Copy copy, exogpu_ticket* ticket) {
  EXO_CHECK(need(ticket, "ticket"));
  struct Meeting {
    std::latch source_stands{1}, copied{1};
  };
  auto meeting = std::make_shared<Meeting>();
  // However the copy ends, and also where it is dropped.
  const std::shared_ptr<void> leave(nullptr, [meeting](void*) { meeting->copied.count_down(); });
  // Both outlive the lock, also where the context is closed meanwhile.
  const std::shared_ptr<DeviceObject> source = copy.from->device, target = copy.to->device;
  const MutexLock lock(source->core().pairs);
  const bool stands = source->queue().post([meeting] {
    meeting->source_stands.count_down();
    meeting->copied.wait();
  });
  if (!stands) meeting->source_stands.count_down();
  return begin(
      context, target->queue(),
      [copy = std::move(copy), meeting, leave](const std::stop_token&) {
        meeting->source_stands.wait();
        return nothing(copy.run());
      },
      ticket);
}

}  // namespace
}  // namespace exogpu::capi

using namespace exogpu;
using namespace exogpu::capi;

extern "C" {

exogpu_code exogpu_buffer_allocate(exogpu_device device, uint64_t size, exogpu_buffer* buffer) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(buffer, "buffer"));
    EXO_TRY(const auto object, handles().find<DeviceObject>(device.id));
    EXO_TRY(buffer->id, allocate(device.id, object, size));
    return {};
  });
}

exogpu_code exogpu_buffer_allocate_async(exogpu_device device, uint64_t size, exogpu_ticket* ticket) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<DeviceObject>(device.id));
    return begin(
        context_of(device.id), object->queue(),
        [object, handle = device.id, size](const std::stop_token&) { return allocate(handle, object, size); }, ticket);
  });
}

exogpu_code exogpu_buffer_free(exogpu_buffer buffer) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto taken, handles().take<BufferObject>(buffer.id));
    return {};
  });
}

exogpu_code exogpu_buffer_describe(exogpu_buffer buffer, exogpu_buffer_info* info) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<BufferObject>(buffer.id));
    EXO_TRY(std::byte* const address, object->buffer.memory()->host_address(object->buffer.id()));
    return write_struct(info,
                        exogpu_buffer_info{.struct_size = 0,
                                           .size = object->buffer.size(),
                                           .device = {object->device_handle},
                                           .host_address = address},
                        "exogpu_buffer_info");
  });
}

exogpu_code exogpu_buffer_upload(exogpu_buffer to, uint64_t offset, const void* from, uint64_t size) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto bytes, bytes_at(from, size));
    EXO_TRY(const auto object, handles().find<BufferObject>(to.id));
    return object->buffer.upload(bytes, offset);
  });
}

exogpu_code exogpu_buffer_download(exogpu_buffer from, uint64_t offset, void* to, uint64_t size) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto bytes, bytes_at(to, size));
    EXO_TRY(const auto object, handles().find<BufferObject>(from.id));
    return object->buffer.download(bytes, offset);
  });
}

exogpu_code exogpu_buffer_copy(exogpu_buffer from, uint64_t from_offset, exogpu_buffer to, uint64_t to_offset,
                               uint64_t size) {
  return call([&]() -> Result<void> {
    EXO_TRY(const Copy copy, copy_of(from, from_offset, to, to_offset, size));
    return copy.run();
  });
}

exogpu_code exogpu_buffer_upload_async(exogpu_buffer to, uint64_t offset, const void* from, uint64_t size,
                                       exogpu_ticket* ticket) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto bytes, bytes_at(from, size));
    EXO_TRY(auto object, handles().find<BufferObject>(to.id));
    EXO_CHECK(check_range(*object, offset, size));
    Executor& queue = object->device->queue();
    return begin(
        context_of(to.id), queue,
        [object = std::move(object), bytes, offset](const std::stop_token&) {
          return nothing(object->buffer.upload(bytes, offset));
        },
        ticket);
  });
}

exogpu_code exogpu_buffer_download_async(exogpu_buffer from, uint64_t offset, void* to, uint64_t size,
                                         exogpu_ticket* ticket) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto bytes, bytes_at(to, size));
    EXO_TRY(auto object, handles().find<BufferObject>(from.id));
    EXO_CHECK(check_range(*object, offset, size));
    Executor& queue = object->device->queue();
    return begin(
        context_of(from.id), queue,
        [object = std::move(object), bytes, offset](const std::stop_token&) {
          return nothing(object->buffer.download(bytes, offset));
        },
        ticket);
  });
}

exogpu_code exogpu_buffer_copy_async(exogpu_buffer from, uint64_t from_offset, exogpu_buffer to, uint64_t to_offset,
                                     uint64_t size, exogpu_ticket* ticket) {
  return call([&]() -> Result<void> {
    EXO_TRY(Copy copy, copy_of(from, from_offset, to, to_offset, size));
    const ContextNumber context = context_of(from.id);
    if (copy.from->device != copy.to->device) return begin_across(context, std::move(copy), ticket);
    Executor& queue = copy.from->device->queue();
    return begin(
        context, queue, [copy = std::move(copy)](const std::stop_token&) { return nothing(copy.run()); }, ticket);
  });
}
}
