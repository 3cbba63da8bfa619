#include "sim/clock_executor.h"

#include <chrono>

namespace exogpu::sim {

void ClockExecutor::push(pipeline::StageInput input) {
  if (!alive_) return;
  host_.on_push(input, waiting_.size() + (current_ ? 1 : 0) + 1);
  waiting_.push_back(std::move(input));
  if (!current_ && !rests_) begin();
}

void ClockExecutor::begin() {
  if (waiting_.empty()) return;
  current_ = std::move(waiting_.front());
  waiting_.pop_front();
  takes_ = host_.takes(*current_);
  host_.pacer->begin(host_.now());
  host_.later(takes_, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.lock()) return;
    finish();
    rest();
  });
}

void ClockExecutor::rest() {
  const Duration pause = host_.pacer->rest(takes_);
  if (pause == Duration{}) return begin();
  rests_ = true;
  host_.later(pause, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.lock()) return;
    rests_ = false;
    begin();
  });
}

void ClockExecutor::finish() {
  pipeline::StageInput input = *std::exchange(current_, std::nullopt);
  const Time now = host_.now();
  host_.pacer->end(info_, pipeline::size_of(input.step), now - takes_, now);
  work_.done(work_.run(std::move(input)), std::chrono::duration_cast<std::chrono::microseconds>(takes_));
}

// A thread that does a step would end it.
void ClockExecutor::stop() {
  if (!std::exchange(alive_, nullptr)) return;
  waiting_.clear();
  if (current_) finish();
}

}  // namespace exogpu::sim
