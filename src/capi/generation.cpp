#include "capi/generation.h"

#include <new>
#include <utility>

#include "capi/deadline.h"
#include "capi/error.h"

namespace exogpu::capi {

Generation::~Generation() {
  stop_.request_stop();
  Generation::shut_down();
}

void Generation::start(std::shared_ptr<TextModel> model, AnswerRequest request) {
  const MutexLock lock(thread_mutex_);
  thread_ = std::thread([this, model = std::move(model), request = std::move(request)] { run(*model, request); });
}

void Generation::run(TextModel& model, const AnswerRequest& request) {
  try {
    end(model.generate(request, [this](std::string_view text) { pass_on(text); }, stop_.get_token()));
  } catch (const std::bad_alloc&) {
    end(fail(ErrorCode::out_of_memory, "the host has no memory left"));
  } catch (const std::exception& thrown) {
    end(fail(ErrorCode::internal, "{}", thrown.what()));
  }
}

void Generation::pass_on(std::string_view text) {
  if (text.empty()) return;
  if (on_piece_ != nullptr) {
    const exogpu_piece piece{
        .struct_size = sizeof piece, .text = text.data(), .length = text.size(), .end = 0, .code = EXOGPU_OK};
    const InCallback here;
    return on_piece_(user_, &piece);
  }
  const MutexLock lock(mutex_);
  pending_ += text;
  fd_.set(true);
  changes_.notify_all();
}

void Generation::end(Result<engine::GenerateStats> result) {
  exogpu_piece piece{.struct_size = sizeof piece, .text = "", .length = 0, .end = 1, .code = EXOGPU_OK};
  if (!result) piece.code = record(result.error());
  {
    const MutexLock lock(mutex_);
    result_ = std::move(result);
    fd_.set(true);
    changes_.notify_all();
  }
  if (on_piece_ == nullptr) return;
  const InCallback here;
  on_piece_(user_, &piece);
}

Result<void> Generation::next(int64_t timeout_ms, exogpu_piece& piece) {
  if (on_piece_ != nullptr) {
    return fail(ErrorCode::failed_precondition, "the generation gives its pieces to its callback");
  }
  const auto until = deadline(timeout_ms);
  piece.text = "";
  piece.length = 0;
  piece.end = 0;
  piece.code = EXOGPU_OK;
  MutexLock lock(mutex_);
  while (pending_.empty() && !result_) {
    if (!until) {
      changes_.wait(lock);
    } else if (!changes_.wait_until(lock, *until) && pending_.empty() && !result_) {
      return fail(ErrorCode::deadline_exceeded, "nothing was written within {} ms", timeout_ms);
    }
  }
  taken_ = std::exchange(pending_, {});
  fd_.set(result_.has_value());
  piece.text = taken_.c_str();
  piece.length = taken_.size();
  if (!taken_.empty()) return {};
  piece.end = 1;
  if (*result_) return {};
  piece.code = to_code(result_->error().code);
  return std::unexpected(result_->error());
}

Result<int32_t> Generation::fd() {
  if (on_piece_ != nullptr) {
    return fail(ErrorCode::failed_precondition, "the generation gives its pieces to its callback");
  }
  const MutexLock lock(mutex_);
  return fd_.get(result_.has_value() || !pending_.empty());
}

Result<engine::GenerateStats> Generation::stats() const {
  const MutexLock lock(mutex_);
  if (!result_) return fail(ErrorCode::failed_precondition, "the answer has not ended");
  if (!*result_) return fail(ErrorCode::failed_precondition, "the answer failed: {}", result_->error().message);
  return *result_;
}

void Generation::shut_down() {
  std::thread ending;
  {
    const MutexLock lock(thread_mutex_);
    ending = std::move(thread_);
  }
  if (ending.joinable()) ending.join();
}

}  // namespace exogpu::capi
