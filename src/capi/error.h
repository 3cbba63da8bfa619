// The boundary of the C library: errors become codes with a message of the calling thread, and nothing is thrown
// across.
#pragma once

#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "exogpu/exogpu.h"

namespace exogpu::capi {

// The code of exogpu.h. Both lists have the same order.
exogpu_code to_code(ErrorCode code);

// Stores the message for exogpu_last_error() of this thread, cut to the room that it has, and returns the code.
exogpu_code record(ErrorCode code, std::string_view message) noexcept;
inline exogpu_code record(const Error& error) noexcept { return record(error.code, error.message); }

// Errors: invalid_argument, naming the argument.
Result<void> need(const void* pointer, std::string_view name);

// Whether this process is a fork of one that had a context.
bool is_fork() noexcept;
// From now on a fork of this process is known as one. Any number of calls.
void watch_forks();

// While it exists, the thread runs a callback of the user's.
class InCallback {
 public:
  InCallback();
  ~InCallback();
  InCallback(const InCallback&) = delete;
  InCallback& operator=(const InCallback&) = delete;
};
// For calls that wait for the threads that run callbacks. Errors: failed_precondition, naming the call.
Result<void> refuse_in_callback(std::string_view call);

// Runs one call of the library. `body` returns Result<void>.
template <typename Body>
exogpu_code call(Body&& body) noexcept {
  if (is_fork()) {
    return record(ErrorCode::failed_precondition,
                  "this process is a fork of one that used exogpu, whose threads and devices it does not have; start a "
                  "new program instead (exec; in Python the start method \"spawn\")");
  }
  try {
    const Result<void> result = std::forward<Body>(body)();
    return result ? EXOGPU_OK : record(result.error());
  } catch (const std::bad_alloc&) {
    return record(ErrorCode::out_of_memory, "the host has no memory left");
  } catch (const std::exception& thrown) {
    return record(ErrorCode::internal, thrown.what());
  } catch (...) {
    return record(ErrorCode::internal, "an unknown exception");
  }
}

}  // namespace exogpu::capi
