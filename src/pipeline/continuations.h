// Answers of one model that outlive the rings which compute them: on the node that was asked.
//
// It keeps the tokens of each answer. When the ring that computes one ends, the next is asked for what follows the
// prompt and the tokens so far, so that no token is lost or repeated. Pure: no clock, no thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/result.h"
#include "pipeline/scheduler.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

// Of an error of submit(): there is no such ring any more, or not yet, or no way to it.
inline constexpr ErrorCode kRingEnded = ErrorCode::failed_precondition;

using AnswerId = Strong<uint64_t, struct AnswerIdTag>;

struct ContinuationCallbacks {
  // Asks the node of the first stage. Errors but kRingEnded end the answer.
  std::function<Result<void>(wire::Generate)> submit;
  std::function<void(uint64_t request)> cancel;
  // `prompt_reused` is that of the first ring. May call begin() and cancel().
  std::function<void(AnswerId, const TokenEvent&)> on_event;
};

class Continuations {
 public:
  using Duration = std::chrono::milliseconds;

  explicit Continuations(ContinuationCallbacks callbacks) : callbacks_(std::move(callbacks)) {}

  // A ring that serves: what waits for one is asked of it, but for what this very ring has refused or left unfinished;
  // that is asked again with resume().
  void serve(wire::PlanEpoch epoch);
  // Nothing is asked until the next serve(). What is asked meanwhile waits for it, unless fail_waiting() has been
  // called.
  void pause(Error why);
  // The ring has ended: what is in flight waits for the next.
  void interrupt_all();
  // Asks again for what waits. To be called now and then: a ring may not have known yet that it serves.
  void resume();
  // The next ring will be set up: what is asked from now on waits for it.
  void expect_ring() { waited_.reset(); }
  // For so long no ring could serve what waits: what is not to wait longer ends so, now and until the next serve() or
  // expect_ring().
  void fail_waiting(const Error& why, Duration waited = Duration::max());

  // `request` as for the scheduler; its tokens are the prompt. `wait`: how long it waits while no ring can serve it.
  void begin(AnswerId id, Request request, Duration wait = {});
  // No more events of it are reported.
  void cancel(AnswerId id);

  void on_generated(const wire::Generated& message);

  size_t open() const { return answers_.size(); }
  size_t waiting() const;

 private:
  struct Answer {
    Request request;  // its tokens: the prompt, and those of the answer so far
    uint32_t prompt_tokens = 0;
    Duration wait{};
    uint64_t number = 0;      // under which it is in flight; 0: it waits
    wire::PlanEpoch asked{};  // the ring that was asked last
    bool accepted = false;    // by a ring
    uint32_t scored = 1;      // tokens of the prompt that were reported, the first of which has nothing to report
  };
  bool may_wait(const Answer& answer) const { return !waited_ || answer.wait > *waited_; }
  void ask(AnswerId id);
  void interrupt(Answer& answer);
  static void drop_known(Answer& answer, TokenEvent& event);
  void end(AnswerId id, const TokenEvent& last);

  ContinuationCallbacks callbacks_;
  std::map<AnswerId, Answer> answers_;
  std::map<uint64_t, AnswerId> in_flight_;
  uint64_t next_number_ = 1;
  std::optional<wire::PlanEpoch> ring_;
  std::optional<Duration> waited_ =
      Duration::max();  // in vain; none where there is a ring, or the next is being set up
  Error unavailable_reason_{ErrorCode::unavailable, "nothing is served yet"};
};

}  // namespace exogpu::pipeline
