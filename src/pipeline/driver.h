// Runs the requests of a plan: on the node of the first stage, between the listeners and the ring.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "pipeline/answer_recorder.h"
#include "pipeline/ring.h"
#include "pipeline/scheduler.h"
#include "pipeline/trip_times.h"

namespace exogpu::pipeline {

// One thread, that of the ring.
class Driver {
 public:
  // Receives the events of a request; after the last one nothing more. It may call generate() and cancel().
  using Listener = std::function<void(const TokenEvent&)>;

  // `ring` must outlive it; its on_done is to call on_done() here. `resumed`: see Scheduler.
  Driver(Ring& ring, const ScheduleOptions& options, std::optional<ResumedTokens> resumed = {})
      : Driver(
            ring.options().epoch, options, [&ring](Work work) { ring.begin(std::move(work)); }, std::move(resumed)) {}
  // For another kind of ring. `begin` takes the steps of the first stage.
  Driver(wire::PlanEpoch epoch, const ScheduleOptions& options, std::function<void(Work)> begin,
         std::optional<ResumedTokens> resumed = {})
      : begin_(std::move(begin)), scheduler_(epoch, options, std::move(resumed)) {}

  // Errors, after which the listener is not called: those of Scheduler::add(), unavailable (it would wait longer than
  // it is to).
  Result<RequestId> generate(Request request, Listener listener);
  // Where a request of this client would stand now.
  wire::QueuePlace place(wire::ClientId client) const;
  void cancel(RequestId id);
  void on_done(const wire::StepDone& done);
  // All requests end with this reason, and none is taken any more.
  void fail_all(const Error& why);
  // No request is taken any more, for this reason; the others continue.
  void close(const Error& why) { closed_ = why; }
  void reopen() { closed_.reset(); }
  // As of Scheduler. Without effect when nothing changes.
  void keep_cached(bool keeps);
  // From now on, of requests that are yet to come.
  void record(std::unique_ptr<AnswerRecorder> recorder) { recorder_ = std::move(recorder); }
  void keep_chunks_small(bool small) { scheduler_.keep_chunks_small(small); }

  bool over() const { return over_ || closed_; }  // no request is taken any more
  bool idle() const { return listeners_.empty(); }
  const Scheduler& scheduler() const { return scheduler_; }
  // Of the steps that have ended since the last call.
  std::vector<TripRecord> take_trips() { return trips_.take(); }
  // Smoothed time that each stage computes for a step with one token for each sequence, in seconds; empty before any.
  const std::vector<double>& stage_seconds() const { return stage_seconds_; }

 private:
  void pump();
  std::function<void(Work)> begin_;
  Scheduler scheduler_;
  std::map<RequestId, Listener> listeners_;
  std::vector<double> stage_seconds_;
  TripTimes trips_;
  std::unique_ptr<AnswerRecorder> recorder_;  // null: nothing is recorded
  bool keeps_cached_ = true;
  double step_seconds_ = 0;  // smoothed, of the slowest stage, which all others wait for
  uint64_t next_id_ = 1;
  std::optional<Error> over_;    // fail_all() was called
  std::optional<Error> closed_;  // close() was
};

}  // namespace exogpu::pipeline
