// A model, and the answers that it writes.
#pragma once

#include <memory>
#include <vector>

#include "base/mutex.h"
#include "capi/generation.h"
#include "capi/handles.h"
#include "capi/text_model.h"

namespace exogpu::capi {

// Any thread may call.
class ModelObject final : public Object {
 public:
  static constexpr Kind kKind = Kind::model;
  explicit ModelObject(std::shared_ptr<TextModel> model) : model_(std::move(model)) {}

  TextModel& model() const { return *model_; }
  // Begins an answer. Errors: failed_precondition (the model is being closed).
  Result<std::shared_ptr<Generation>> begin(AnswerRequest request, exogpu_piece_callback on_piece, void* user)
      EXO_EXCLUDES(mutex_);
  // Of its answers.
  void cancel() override EXO_EXCLUDES(mutex_);
  void shut_down() override EXO_EXCLUDES(mutex_);

 private:
  std::vector<std::shared_ptr<Generation>> running() EXO_EXCLUDES(mutex_);

  std::shared_ptr<TextModel> model_;
  Mutex mutex_;
  bool closed_ EXO_GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<Generation>> generations_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::capi
