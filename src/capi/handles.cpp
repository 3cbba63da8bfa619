#include "capi/handles.h"

#include <algorithm>
#include <format>
#include <limits>

namespace exogpu::capi {
namespace {

constexpr unsigned kKindShift = 56;
constexpr unsigned kContextShift = 40;
constexpr uint64_t kSerialMask = (uint64_t{1} << kContextShift) - 1;

bool is_kind(uint64_t number) {
  return number >= static_cast<uint64_t>(Kind::context) && number <= static_cast<uint64_t>(Kind::node);
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::context: return "context";
    case Kind::device: return "device";
    case Kind::buffer: return "buffer";
    case Kind::ticket: return "ticket";
    case Kind::model: return "model";
    case Kind::generation: return "generation";
    case Kind::cluster: return "cluster";
    case Kind::node: return "node";
  }
  return "object";
}

Result<ContextNumber> Handles::open_context() {
  const MutexLock lock(mutex_);
  if (open_.size() > std::numeric_limits<ContextNumber>::max()) {
    return fail(ErrorCode::resource_exhausted, "this process has opened {} contexts; keep one open instead",
                open_.size() - 1);
  }
  open_.push_back(true);
  return static_cast<ContextNumber>(open_.size() - 1);
}

std::vector<std::shared_ptr<Object>> Handles::close_context(ContextNumber context) {
  const MutexLock lock(mutex_);
  if (context < open_.size()) open_[context] = false;
  std::vector<std::pair<uint64_t, std::shared_ptr<Object>>> found;
  std::erase_if(objects_, [&](auto& entry) {
    if (context_of(entry.first) != context) return false;
    found.emplace_back(entry.first & kSerialMask, std::move(entry.second));
    return true;
  });
  std::ranges::sort(found, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::shared_ptr<Object>> objects;
  objects.reserve(found.size());
  for (auto& [serial, object] : found) objects.push_back(std::move(object));
  return objects;
}

Result<uint64_t> Handles::add(Kind kind, ContextNumber context, std::shared_ptr<Object> object) {
  const MutexLock lock(mutex_);
  if (context >= open_.size() || !open_[context]) {
    return fail(ErrorCode::failed_precondition, "context {} was closed", context);
  }
  const uint64_t handle = (static_cast<uint64_t>(kind) << kKindShift) | (uint64_t{context} << kContextShift) |
                          (next_serial_++ & kSerialMask);
  objects_.emplace(handle, std::move(object));
  return handle;
}

Result<std::shared_ptr<Object>> Handles::find(Kind kind, uint64_t handle) const {
  const MutexLock lock(mutex_);
  if (handle >> kKindShift == static_cast<uint64_t>(kind)) {
    if (const auto found = objects_.find(handle); found != objects_.end()) return found->second;
  }
  return std::unexpected(wrong(kind, handle));
}

Result<std::shared_ptr<Object>> Handles::take(Kind kind, uint64_t handle) {
  const MutexLock lock(mutex_);
  if (handle >> kKindShift == static_cast<uint64_t>(kind)) {
    if (const auto found = objects_.find(handle); found != objects_.end()) {
      std::shared_ptr<Object> object = std::move(found->second);
      objects_.erase(found);
      return object;
    }
  }
  return std::unexpected(wrong(kind, handle));
}

Error Handles::wrong(Kind kind, uint64_t handle) const {
  const auto argument = [&](std::string_view why) {
    return Error{ErrorCode::invalid_argument, std::format("the {} handle {:#x} {}", to_string(kind), handle, why)};
  };
  const uint64_t serial = handle & kSerialMask;
  const ContextNumber context = context_of(handle);
  if (handle == 0) return argument("is 0, which names nothing");
  if (!is_kind(handle >> kKindShift) || serial == 0 || serial >= next_serial_ || context == 0 ||
      context >= open_.size()) {
    return argument("was never given out");
  }
  const auto other = static_cast<Kind>(handle >> kKindShift);
  if (other != kind) return argument(std::format("names a {}", to_string(other)));
  if (!open_[context]) {
    return {ErrorCode::failed_precondition,
            std::format("the {} handle {:#x} is of context {}, which was closed", to_string(kind), handle, context)};
  }
  return argument("was freed or closed before");
}

size_t Handles::size() const {
  const MutexLock lock(mutex_);
  return objects_.size();
}

Result<void> check_kind(Kind kind, uint64_t handle) {
  const auto other = static_cast<Kind>(handle >> kKindShift);
  if (other == kind) return {};
  return fail(ErrorCode::failed_precondition, "the operation made a {}, and no {}", to_string(other), to_string(kind));
}

Handles& handles() {
  static auto* const all = new Handles;
  return *all;
}

}  // namespace exogpu::capi
