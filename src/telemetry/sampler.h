// Reads the sensors again and again, on a thread of its own.
#pragma once

#include <functional>
#include <thread>

#include "base/mutex.h"
#include "telemetry/sample.h"

namespace exogpu::telemetry {

class Sampler {
 public:
  // Both are called on the sampler's thread, which has a lower priority than others: `read` every `every`, counted from
  // the first time, and `on_sample` with what it returned. After a delay, the samples that were missed are skipped.
  Sampler(std::function<Sample(Time)> read, std::function<void(Sample)> on_sample, Duration every = kSampleEvery);
  // Waits for the sample that is being taken.
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

 private:
  void run() EXO_EXCLUDES(mutex_);
  bool wait_until(Time next) EXO_EXCLUDES(mutex_);  // false: it is to stop

  std::function<Sample(Time)> read_;
  std::function<void(Sample)> on_sample_;
  Duration every_;
  Mutex mutex_;
  CondVar stopped_;
  bool stop_ EXO_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace exogpu::telemetry
