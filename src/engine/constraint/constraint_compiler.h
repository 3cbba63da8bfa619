// Compiles constraints for a stage, on a thread of its own, so that no other sequence waits for it.
#pragma once

#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "engine/constraint/token_constraint.h"
#include "wire/constraint.h"

namespace exogpu::engine {

// Called on the compiler's thread, until it succeeds.
using LoadVocabulary = std::function<Result<std::shared_ptr<ConstraintVocabulary>>()>;

// One thread at a time. Nothing is loaded, and no thread begins, before the first constraint.
class ConstraintCompiler {
 public:
  explicit ConstraintCompiler(LoadVocabulary load) : load_(std::move(load)) {}
  ~ConstraintCompiler();  // waits for the constraint that is being compiled
  ConstraintCompiler(const ConstraintCompiler&) = delete;
  ConstraintCompiler& operator=(const ConstraintCompiler&) = delete;

  // The state after `tokens`. Errors: those of the load, of ConstraintVocabulary::compile() and
  // TokenConstraint::accept().
  std::future<Result<TokenConstraint>> begin(wire::Constraint constraint, std::vector<model::TokenId> tokens)
      EXO_EXCLUDES(mutex_);

 private:
  using Task = std::packaged_task<Result<TokenConstraint>()>;

  void run(const std::stop_token& stop) EXO_EXCLUDES(mutex_);
  Result<TokenConstraint> compile(const wire::Constraint& constraint, const std::vector<model::TokenId>& tokens);

  LoadVocabulary load_;
  std::shared_ptr<ConstraintVocabulary> vocabulary_;  // of the thread alone
  Mutex mutex_;
  CondVar wake_;
  std::deque<Task> tasks_ EXO_GUARDED_BY(mutex_);
  std::jthread thread_;  // the last member: it ends before the others go
};

}  // namespace exogpu::engine
