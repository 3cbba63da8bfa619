#include "capi/model_object.h"

namespace exogpu::capi {

Result<std::shared_ptr<Generation>> ModelObject::begin(AnswerRequest request, exogpu_piece_callback on_piece,
                                                       void* user) {
  auto generation = std::make_shared<Generation>(on_piece, user);
  const MutexLock lock(mutex_);
  if (closed_) return fail(ErrorCode::failed_precondition, "the model is being closed");
  std::erase_if(generations_, [](const auto& each) { return each.expired(); });
  generations_.push_back(generation);
  generation->start(model_, std::move(request));
  return generation;
}

std::vector<std::shared_ptr<Generation>> ModelObject::running() {
  std::vector<std::shared_ptr<Generation>> found;
  const MutexLock lock(mutex_);
  closed_ = true;
  for (const auto& each : generations_) {
    if (auto generation = each.lock()) found.push_back(std::move(generation));
  }
  return found;
}

void ModelObject::cancel() {
  for (const auto& generation : running()) generation->cancel();
}

void ModelObject::shut_down() {
  for (const auto& generation : running()) generation->shut_down();
}

}  // namespace exogpu::capi
