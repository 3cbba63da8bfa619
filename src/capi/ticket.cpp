#include "capi/ticket.h"

#include <new>
#include <utility>

#include "capi/deadline.h"
#include "capi/error.h"

namespace exogpu::capi {
namespace {

// What the library's threads run must not throw either.
Result<uint64_t> run(Work& work, const std::stop_token& stop) {
  try {
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, "the operation was cancelled before it began");
    return work(stop);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::out_of_memory, "the host has no memory left");
  } catch (const std::exception& thrown) {
    return fail(ErrorCode::internal, "{}", thrown.what());
  }
}

}  // namespace

void Ticket::finish(Result<uint64_t> made) {
  exogpu_ticket_callback callback = nullptr;
  void* user = nullptr;
  {
    const MutexLock lock(mutex_);
    result_ = std::move(made);
    fd_.set(true);
    callback = callback_;
    user = user_;
    changes_.notify_all();
  }
  if (callback != nullptr) call_back(callback, user);
}

bool Ticket::done() const {
  const MutexLock lock(mutex_);
  return result_.has_value();
}

std::optional<Result<uint64_t>> Ticket::wait(int64_t timeout_ms) {
  const auto end = deadline(timeout_ms);
  MutexLock lock(mutex_);
  while (!result_) {
    if (!end) {
      changes_.wait(lock);
    } else if (!changes_.wait_until(lock, *end) && !result_) {
      return std::nullopt;
    }
  }
  return result_;
}

Result<void> Ticket::notify(exogpu_ticket_callback callback, void* user) {
  {
    const MutexLock lock(mutex_);
    if (callback_ != nullptr) return fail(ErrorCode::already_exists, "the ticket has a callback");
    callback_ = callback;
    user_ = user;
    if (!result_) return {};
  }
  call_back(callback, user);
  return {};
}

void Ticket::call_back(exogpu_ticket_callback callback, void* user) const {
  Error error;
  exogpu_code code = EXOGPU_OK;
  {
    const MutexLock lock(mutex_);
    if (!*result_) {
      error = result_->error();
      code = to_code(error.code);
    }
  }
  const InCallback here;
  callback(user, code, error.message.c_str());
}

Result<int32_t> Ticket::fd() {
  const MutexLock lock(mutex_);
  return fd_.get(result_.has_value());
}

Result<uint64_t> Ticket::made() const {
  const MutexLock lock(mutex_);
  if (!result_) return fail(ErrorCode::failed_precondition, "the operation is not done; wait for its ticket");
  if (!*result_) return fail(ErrorCode::failed_precondition, "the operation failed: {}", result_->error().message);
  if (**result_ == 0) return fail(ErrorCode::failed_precondition, "the operation makes no object");
  return *result_;
}

Result<void> begin(ContextNumber context, Executor& on, Work work, exogpu_ticket* ticket) {
  EXO_CHECK(need(ticket, "ticket"));
  const auto made = std::make_shared<Ticket>();
  EXO_TRY(const uint64_t handle, handles().add(context, made));
  ticket->id = handle;
  const bool posted = on.post([made, work = std::move(work)]() mutable {
    Result<uint64_t> result = run(work, made->token());
    work = {};  // what it borrows is released before the ticket is done
    made->finish(std::move(result));
  });
  if (!posted) made->finish(fail(ErrorCode::failed_precondition, "context {} was closed", context));
  return {};
}

}  // namespace exogpu::capi

using namespace exogpu;
using namespace exogpu::capi;

extern "C" {

exogpu_code exogpu_ticket_wait(exogpu_ticket ticket, int64_t timeout_ms) {
  return call([&]() -> Result<void> {
    EXO_CHECK(refuse_in_callback("exogpu_ticket_wait"));
    EXO_TRY(const auto object, handles().find<Ticket>(ticket.id));
    const auto result = object->wait(timeout_ms);
    if (!result) return fail(ErrorCode::deadline_exceeded, "the operation is not done after {} ms", timeout_ms);
    if (!*result) return std::unexpected(result->error());
    return {};
  });
}

exogpu_code exogpu_ticket_poll(exogpu_ticket ticket, int32_t* done) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(done, "done"));
    EXO_TRY(const auto object, handles().find<Ticket>(ticket.id));
    *done = object->done() ? 1 : 0;
    return {};
  });
}

exogpu_code exogpu_ticket_notify(exogpu_ticket ticket, exogpu_ticket_callback callback, void* user) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(reinterpret_cast<const void*>(callback), "callback"));
    EXO_TRY(const auto object, handles().find<Ticket>(ticket.id));
    return object->notify(callback, user);
  });
}

exogpu_code exogpu_ticket_fd(exogpu_ticket ticket, int32_t* fd) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(fd, "fd"));
    EXO_TRY(const auto object, handles().find<Ticket>(ticket.id));
    EXO_TRY(*fd, object->fd());
    return {};
  });
}

exogpu_code exogpu_ticket_cancel(exogpu_ticket ticket) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<Ticket>(ticket.id));
    object->cancel();
    return {};
  });
}

exogpu_code exogpu_ticket_free(exogpu_ticket ticket) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<Ticket>(ticket.id));
    if (!object->done()) {
      return fail(ErrorCode::failed_precondition,
                  "the operation of the ticket {:#x} is not done and may use the caller's memory; wait for it first",
                  ticket.id);
    }
    EXO_TRY(const auto taken, handles().take<Ticket>(ticket.id));
    return {};
  });
}

exogpu_code exogpu_ticket_buffer(exogpu_ticket ticket, exogpu_buffer* buffer) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(buffer, "buffer"));
    EXO_TRY(const auto object, handles().find<Ticket>(ticket.id));
    EXO_TRY(const uint64_t made, object->made());
    EXO_CHECK(check_kind(Kind::buffer, made));
    buffer->id = made;
    return {};
  });
}

exogpu_code exogpu_ticket_model(exogpu_ticket ticket, exogpu_model* model) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(model, "model"));
    EXO_TRY(const auto object, handles().find<Ticket>(ticket.id));
    EXO_TRY(const uint64_t made, object->made());
    EXO_CHECK(check_kind(Kind::model, made));
    model->id = made;
    return {};
  });
}
}
