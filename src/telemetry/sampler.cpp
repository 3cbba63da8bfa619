#include "telemetry/sampler.h"

#include <utility>

#ifdef __linux__
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace exogpu::telemetry {
namespace {

// Threads that compute wait for each other at barriers: one that this thread displaces would hold up all.
void lower_priority() {
#ifdef __linux__
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
#endif
}

}  // namespace

Sampler::Sampler(std::function<Sample(Time)> read, std::function<void(Sample)> on_sample, Duration every)
    : read_(std::move(read)), on_sample_(std::move(on_sample)), every_(every), thread_([this] { run(); }) {}

Sampler::~Sampler() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

bool Sampler::wait_until(Time next) {
  MutexLock lock(mutex_);
  while (!stop_ && Clock::now() < next) stopped_.wait_until(lock, next);
  return !stop_;
}

void Sampler::run() {
  lower_priority();
  for (Time next = Clock::now(); wait_until(next);) {
    on_sample_(read_(Clock::now()));
    next += every_;
    const Time now = Clock::now();
    if (next < now) next += (now - next) / every_ * every_ + every_;
  }
}

}  // namespace exogpu::telemetry
