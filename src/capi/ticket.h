// An operation in flight.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/mutex.h"
#include "capi/executor.h"
#include "capi/handles.h"
#include "capi/ready_fd.h"
#include "exogpu/exogpu.h"

namespace exogpu::capi {

// Any thread may call.
class Ticket final : public Object {
 public:
  static constexpr Kind kKind = Kind::ticket;

  // Once. The handle of what was made, or 0.
  void finish(Result<uint64_t> made) EXO_EXCLUDES(mutex_);

  bool done() const EXO_EXCLUDES(mutex_);
  // Absent: not in time.
  std::optional<Result<uint64_t>> wait(int64_t timeout_ms) EXO_EXCLUDES(mutex_);
  Result<void> notify(exogpu_ticket_callback callback, void* user) EXO_EXCLUDES(mutex_);
  Result<int32_t> fd() EXO_EXCLUDES(mutex_);
  // Errors: failed_precondition (not done, failed, or made nothing).
  Result<uint64_t> made() const EXO_EXCLUDES(mutex_);

  void cancel() override { stop_.request_stop(); }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void call_back(exogpu_ticket_callback callback, void* user) const;

  std::stop_source stop_;
  mutable Mutex mutex_;
  CondVar changes_;
  std::optional<Result<uint64_t>> result_ EXO_GUARDED_BY(mutex_);  // does not change once it is there
  exogpu_ticket_callback callback_ EXO_GUARDED_BY(mutex_) = nullptr;
  void* user_ EXO_GUARDED_BY(mutex_) = nullptr;
  ReadyFd fd_ EXO_GUARDED_BY(mutex_);
};

// Returns the handle of what it made, or 0.
using Work = std::move_only_function<Result<uint64_t>(const std::stop_token& stop)>;

// Runs `work` on the executor, and writes the handle of a ticket for it. Work that was cancelled before it began does
// not run. Errors: failed_precondition (the context was closed), and a null pointer.
Result<void> begin(ContextNumber context, Executor& on, Work work, exogpu_ticket* ticket);

}  // namespace exogpu::capi
