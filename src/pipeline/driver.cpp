#include "pipeline/driver.h"

namespace exogpu::pipeline {

Result<RequestId> Driver::generate(Request request, Listener listener) {
  if (over_) return std::unexpected(*over_);
  if (closed_) return std::unexpected(*closed_);
  const RequestId id(next_id_++);
  EXO_CHECK(scheduler_.add(id, std::move(request)));
  listeners_.emplace(id, std::move(listener));
  pump();
  return id;
}

void Driver::cancel(RequestId id) {
  if (listeners_.erase(id) == 0) return;
  scheduler_.cancel(id);
  if (!over_) pump();
}

void Driver::on_done(const wire::StepDone& done) {
  if (over_) return;
  std::vector<RequestEvent> events;
  scheduler_.done(done, events);
  stage_seconds_.resize(done.stage_us.size());
  for (size_t i = 0; i < done.stage_us.size(); ++i) {
    const double seconds = done.stage_us[i] * 1e-6;
    stage_seconds_[i] = stage_seconds_[i] == 0 ? seconds : 0.9 * stage_seconds_[i] + 0.1 * seconds;
  }
  pump();  // before the listeners are called: the ring continues meanwhile
  for (const auto& [id, event] : events) {
    const auto found = listeners_.find(id);
    if (found == listeners_.end()) continue;
    if (!event.is_last()) {
      found->second(event);
      continue;
    }
    const Listener listener = std::move(found->second);
    listeners_.erase(found);
    listener(event);
  }
}

void Driver::fail_all(const Error& why) {
  over_ = why;
  for (auto& [id, listener] : std::exchange(listeners_, {})) {
    listener({.failure = why, .interrupted = true});
  }
}

void Driver::pump() {
  while (auto work = scheduler_.next()) begin_(*std::move(work));
}

}  // namespace exogpu::pipeline
