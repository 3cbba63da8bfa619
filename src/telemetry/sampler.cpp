#include "telemetry/sampler.h"

#include <utility>

#include "base/low_priority.h"

namespace exogpu::telemetry {

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
