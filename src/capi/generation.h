// An answer that is being written, on a thread of its own, for a caller who pulls it or is called back.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "capi/handles.h"
#include "capi/ready_fd.h"
#include "capi/text_model.h"
#include "exogpu/exogpu.h"

namespace exogpu::capi {

class Generation final : public Object {
 public:
  static constexpr Kind kKind = Kind::generation;
  Generation(exogpu_piece_callback on_piece, void* user) : on_piece_(on_piece), user_(user) {}
  ~Generation() override;

  // Once.
  void start(std::shared_ptr<TextModel> model, AnswerRequest request) EXO_EXCLUDES(mutex_);

  // Writes a piece whose text is valid until the next call. Errors: deadline_exceeded (`piece` is empty), and at the
  // end why it failed; failed_precondition (there is a callback). One thread at a time.
  Result<void> next(int64_t timeout_ms, exogpu_piece& piece) EXO_EXCLUDES(mutex_);
  Result<int32_t> fd() EXO_EXCLUDES(mutex_);
  // Errors: failed_precondition (it has not ended, or it failed).
  Result<engine::GenerateStats> stats() const EXO_EXCLUDES(mutex_);

  // Any thread.
  void cancel() override { stop_.request_stop(); }
  void shut_down() override EXO_EXCLUDES(thread_mutex_);

 private:
  void run(TextModel& model, const AnswerRequest& request) EXO_EXCLUDES(mutex_);
  void pass_on(std::string_view text) EXO_EXCLUDES(mutex_);
  void end(Result<engine::GenerateStats> result) EXO_EXCLUDES(mutex_);

  const exogpu_piece_callback on_piece_;
  void* const user_;
  std::stop_source stop_;
  mutable Mutex mutex_;
  CondVar changes_;
  std::string pending_ EXO_GUARDED_BY(mutex_);  // written and not taken
  std::string taken_ EXO_GUARDED_BY(mutex_);    // what the last piece points to
  std::optional<Result<engine::GenerateStats>> result_ EXO_GUARDED_BY(mutex_);
  ReadyFd fd_ EXO_GUARDED_BY(mutex_);
  Mutex thread_mutex_;
  std::thread thread_ EXO_GUARDED_BY(thread_mutex_);
};

}  // namespace exogpu::capi
