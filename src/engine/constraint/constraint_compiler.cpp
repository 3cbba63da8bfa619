#include "engine/constraint/constraint_compiler.h"

#include <utility>

namespace exogpu::engine {

ConstraintCompiler::~ConstraintCompiler() {
  {
    const MutexLock lock(mutex_);
    thread_.request_stop();
  }
  wake_.notify_all();
}

std::future<Result<TokenConstraint>> ConstraintCompiler::begin(wire::Constraint constraint,
                                                               std::vector<model::TokenId> tokens) {
  Task task(
      [this, constraint = std::move(constraint), tokens = std::move(tokens)] { return compile(constraint, tokens); });
  auto result = task.get_future();
  {
    const MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_all();
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  return result;
}

void ConstraintCompiler::run(const std::stop_token& stop) {
  while (true) {
    Task task;
    {
      MutexLock lock(mutex_);
      while (tasks_.empty() && !stop.stop_requested()) wake_.wait(lock);
      if (stop.stop_requested()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

Result<TokenConstraint> ConstraintCompiler::compile(const wire::Constraint& constraint,
                                                    const std::vector<model::TokenId>& tokens) {
  if (!vocabulary_) {
    EXO_TRY(vocabulary_, load_());
  }
  EXO_TRY(TokenConstraint state, vocabulary_->compile(constraint));
  for (const model::TokenId token : tokens) EXO_CHECK(state.accept(token));
  EXO_CHECK(state.short_end());  // known from now on, so that the sampler does not look for it
  return state;
}

}  // namespace exogpu::engine
