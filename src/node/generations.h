// The generations of this node's clients: their prompts become tokens, tokens are requested of the node with the first
// stage, and the tokens that come back become text. A generation outlives the ring that computes it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "model/gguf.h"
#include "node/answer.h"
#include "node/prompt.h"
#include "node/service.h"
#include "pipeline/continuations.h"
#include "wire/ring.h"

namespace exogpu::node {

// The model that is served.
struct Serving {
  std::string model;
  wire::PlanEpoch epoch;
  uint32_t context = 0;
  std::shared_ptr<PromptEncoder> encoder;
  uint32_t batch = UINT32_MAX;                    // tokens of a step
  std::chrono::system_clock::time_point since{};  // this node serves the model; set by Generations
};

using pipeline::kRingEnded;

struct GenerationsHost {
  // Runs a task on the node's thread, later; from any thread.
  std::function<void(std::move_only_function<void()>)> post;
  // Runs a task on another thread, later: a long prompt takes its time, and the node's thread has none.
  std::function<void(std::move_only_function<void()>)> in_background;
  // Both on the node's thread. Errors but kRingEnded end the request.
  std::function<Result<void>(wire::Generate)> submit{};
  std::function<void(uint64_t request)> cancel{};
  std::chrono::milliseconds
      wait{};  // of requests without a wait of their own, while the online nodes cannot hold the model
  std::function<void()> on_end{};  // on the node's thread: one has ended, and busy() may be another
};

// On the node's thread, except where marked. The host runs no task in the background after this is destroyed.
class Generations {
 public:
  explicit Generations(GenerationsHost host);
  ~Generations();

  // Any thread. As Service::generate(); which model the request names is not asked here.
  void generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener, std::stop_token cancel);

  // The model that is served from now on; or that none is, and why.
  void serve(Serving serving) EXO_EXCLUDES(mutex_);
  void stop_serving(Error why) EXO_EXCLUDES(mutex_);
  // Any thread. Errors: why nothing is served.
  Result<Serving> serving() const EXO_EXCLUDES(mutex_);
  // Any thread. The model that requests are accepted for: the served one, or the previous one for as long as a request
  // waits for the next ring. `wait` is the request's own, and counts from now.
  Result<Serving> expected(std::optional<std::chrono::milliseconds> wait = {}) const EXO_EXCLUDES(mutex_);

  // The model is to be served again: requests wait for its plan, however long it was not.
  void expect_plan() EXO_EXCLUDES(mutex_);

  void on_generated(const wire::Generated& message);
  // The ring has ended. Every generation continues with the next ring: its tokens so far are computed again, and its
  // listener receives those that follow.
  void interrupt_all();
  // For `waited`, the online nodes could not hold the model: generations that do not wait longer end with `why`.
  void fail_interrupted(const Error& why, std::chrono::milliseconds waited) EXO_EXCLUDES(mutex_);
  // Submits again what could not be submitted. To be called now and then while waiting().
  void resume();
  bool waiting() const;
  bool was_served() const EXO_EXCLUDES(mutex_);  // on any thread
  bool busy() const;                             // a generation is computed, or waits for that, or is prepared
  // Every generation ends with `why`.
  void fail_all(const Error& why) EXO_EXCLUDES(mutex_);

 private:
  struct Job;
  class Preparing;
  // How long such a request waits in all, since nobody could serve it.
  std::chrono::milliseconds total_wait(std::optional<std::chrono::milliseconds> wait) const EXO_REQUIRES(mutex_);
  static Result<void> prepare(Job& job);
  void begin(const std::shared_ptr<Job>& job);
  void on_event(pipeline::AnswerId id, const pipeline::TokenEvent& event);
  void cancelled(const std::shared_ptr<Job>& job);
  void failed(const std::shared_ptr<Job>& job, const Error& why);
  void forget(const std::shared_ptr<Job>& job);

  GenerationsHost host_;
  mutable Mutex mutex_;
  std::optional<Serving> serving_ EXO_GUARDED_BY(mutex_);
  Error not_serving_ EXO_GUARDED_BY(mutex_){ErrorCode::unavailable, "the node is starting"};
  // The last served model: interrupted generations, and new ones, wait for it.
  std::optional<Serving> previous_ EXO_GUARDED_BY(mutex_);
  // Without a plan; none while the next plan is expected soon.
  std::optional<std::chrono::milliseconds> waited_ EXO_GUARDED_BY(mutex_);

  struct OpenAnswer {
    std::shared_ptr<Job> job;
    uint32_t answer = 0;
  };
  pipeline::Continuations continuations_;
  std::map<pipeline::AnswerId, OpenAnswer> open_answers_;
  std::map<Job*, std::shared_ptr<Job>> jobs_;
  uint64_t next_answer_ = 1;
  std::shared_ptr<std::atomic<size_t>> preparing_ = std::make_shared<std::atomic<size_t>>(0);
  std::shared_ptr<Generations*> alive_;
};

}  // namespace exogpu::node
