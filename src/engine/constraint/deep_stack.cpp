#include "engine/constraint/deep_stack.h"

#include <pthread.h>

namespace exogpu::engine {
namespace {

constexpr size_t kDeepStackBytes = size_t{256} << 20;

void* call_task(void* task) {
  (*static_cast<const std::function<void()>*>(task))();
  return nullptr;
}

}  // namespace

Result<void> on_deep_stack(const std::function<void()>& task) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kDeepStackBytes);
  pthread_t thread{};
  const int failed = pthread_create(&thread, &attributes, call_task, const_cast<std::function<void()>*>(&task));
  pthread_attr_destroy(&attributes);
  if (failed != 0) return fail(ErrorCode::out_of_memory, "no thread with enough stack could begin");
  pthread_join(thread, nullptr);
  return {};
}

}  // namespace exogpu::engine
