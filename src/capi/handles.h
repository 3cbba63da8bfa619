// The numbers by which callers name objects.
//
//   kind (8 bits) | context (16 bits) | serial (40 bits)
//
// A serial is given out once in a process, so what a wrong handle was can be said.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace exogpu::capi {

enum class Kind : uint8_t { context = 1, device, buffer, ticket, model, generation, cluster, node };
std::string_view to_string(Kind kind);

using ContextNumber = uint16_t;
inline ContextNumber context_of(uint64_t handle) { return static_cast<ContextNumber>(handle >> 40U); }

// What a handle names. A subclass has its `kKind`.
class Object {
 public:
  Object() = default;
  virtual ~Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  // Asks its work to end. Returns at once; any thread, any number of times.
  virtual void cancel() {}
  // Waits until its work has ended: afterwards no thread of it runs. After cancel(); not from a callback.
  virtual void shut_down() {}
};

// Any thread may call.
class Handles {
 public:
  // Errors: resource_exhausted (65,535 contexts were opened).
  Result<ContextNumber> open_context();
  // From now on nothing is added to it. Returns all its objects, the latest first.
  std::vector<std::shared_ptr<Object>> close_context(ContextNumber context);

  // Errors: failed_precondition (the context was closed).
  template <typename T>
  Result<uint64_t> add(ContextNumber context, std::shared_ptr<T> object) {
    return add(T::kKind, context, std::move(object));
  }
  // Errors: invalid_argument (says why the handle is wrong), failed_precondition (the context was closed).
  template <typename T>
  Result<std::shared_ptr<T>> find(uint64_t handle) const {
    EXO_TRY(auto object, find(T::kKind, handle));
    return std::static_pointer_cast<T>(std::move(object));
  }
  // The same, and the handle names nothing any more.
  template <typename T>
  Result<std::shared_ptr<T>> take(uint64_t handle) {
    EXO_TRY(auto object, take(T::kKind, handle));
    return std::static_pointer_cast<T>(std::move(object));
  }
  size_t size() const;

 private:
  Result<uint64_t> add(Kind kind, ContextNumber context, std::shared_ptr<Object> object);
  Result<std::shared_ptr<Object>> find(Kind kind, uint64_t handle) const;
  Result<std::shared_ptr<Object>> take(Kind kind, uint64_t handle);
  Error wrong(Kind kind, uint64_t handle) const EXO_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<Object>> objects_ EXO_GUARDED_BY(mutex_);
  std::vector<bool> open_ EXO_GUARDED_BY(mutex_) = {false};  // of each context that was opened; the first is none
  uint64_t next_serial_ EXO_GUARDED_BY(mutex_) = 1;
};

// Errors: failed_precondition (the handle names an object of another kind).
Result<void> check_kind(Kind kind, uint64_t handle);

// Of this process. Never destroyed, since threads of contexts that were not closed may outlive main().
Handles& handles();

}  // namespace exogpu::capi
