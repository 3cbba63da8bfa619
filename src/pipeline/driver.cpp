#include "pipeline/driver.h"

#include <algorithm>

#include "pipeline/pacer.h"

namespace exogpu::pipeline {
namespace {

constexpr double kLongestEstimateS = 24 * 3600;

double smoothed(double before, double now) { return before == 0 ? now : 0.9 * before + 0.1 * now; }

}  // namespace

// Sequences become free at the rate at which requests end, and each place in the queue takes one.
wire::QueuePlace Driver::place(wire::ClientId client) const {
  const FairQueue& queue = scheduler_.queue();
  wire::QueuePlace place{.position = queue.position(client), .own = queue.waiting(client)};
  if (scheduler_.has_free_sequence()) {
    place.wait = std::chrono::milliseconds(0);
  } else if (const auto steps = scheduler_.steps_per_free_sequence()) {
    const double seconds = std::min(place.position * *steps * step_seconds_, kLongestEstimateS);
    place.wait = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  }
  return place;
}

Result<RequestId> Driver::generate(Request request, Listener listener) {
  if (over_) return std::unexpected(*over_);
  if (closed_) return std::unexpected(*closed_);
  if (request.queue_wait_max && !request.accepted_before) {
    const wire::QueuePlace queue = place(request.client);
    if (queue.wait > request.queue_wait_max) {
      return fail(ErrorCode::unavailable, "{} requests wait already, and this one is not to wait as long",
                  scheduler_.waiting());
    }
  }
  const RequestId id(next_id_++);
  if (recorder_) recorder_->add(id, request);
  if (auto added = scheduler_.add(id, std::move(request)); !added) {
    if (recorder_) recorder_->forget(id);
    return std::unexpected(std::move(added).error());
  }
  listeners_.emplace(id, std::move(listener));
  pump();
  return id;
}

void Driver::cancel(RequestId id) {
  if (listeners_.erase(id) == 0) return;
  scheduler_.cancel(id);
  if (recorder_) recorder_->forget(id);
  if (!over_) pump();
}

void Driver::on_done(const wire::StepDone& done) {
  if (over_) return;
  trips_.done(done.stage_us, std::chrono::steady_clock::now());
  if (recorder_) recorder_->done(done);
  std::vector<RequestEvent> events;
  scheduler_.done(done, events);
  stage_seconds_.resize(done.stage_us.size());
  for (size_t i = 0; i < done.stage_us.size(); ++i) {
    stage_seconds_[i] = smoothed(stage_seconds_[i], done.stage_us[i] * 1e-6);
  }
  const auto slowest = std::ranges::max_element(done.stage_us);
  if (slowest != done.stage_us.end()) step_seconds_ = smoothed(step_seconds_, *slowest * 1e-6);
  pump();  // before the listeners are called: the ring continues meanwhile
  for (const auto& [id, event] : events) {
    if (recorder_) recorder_->take(id, event);
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

void Driver::keep_cached(bool keeps) {
  if (std::exchange(keeps_cached_, keeps) == keeps) return;
  scheduler_.keep_cached(keeps);
  if (!over_) pump();
}

void Driver::pump() {
  while (auto work = scheduler_.next()) {
    trips_.begun(size_of(work->step).tokens, std::chrono::steady_clock::now());
    if (recorder_) recorder_->begun(work->step, scheduler_.requests_of(work->step.number));
    begin_(*std::move(work));
  }
}

}  // namespace exogpu::pipeline
