// The requests that came to this node: their prompts become tokens, tokens are asked of the node with the first stage,
// and what comes back becomes text.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

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
  std::chrono::system_clock::time_point since{};  // this node serves the model; set by Generations
};

using pipeline::kRingEnded;

struct GenerationsSurroundings {
  // Runs a task on the node's thread, later; from any thread.
  std::function<void(std::move_only_function<void()>)> post;
  // On the node's thread. Errors but kRingEnded end the request.
  std::function<Result<void>(wire::Generate)> submit;
  std::function<void(uint64_t request)> cancel;
  std::chrono::milliseconds wait{};  // of requests that do not say, when those who are left cannot hold the model
};

// generate() and models() from any thread; all else on the node's.
class Generations {
 public:
  explicit Generations(GenerationsSurroundings surroundings);
  ~Generations();

  void generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener, std::stop_token cancel);

  // What is served from now on; nothing, and why.
  void serve(Serving serving);
  void stop_serving(Error why);
  Result<Serving> serving() const;
  // That, or what was served last, for as long as a request waits for it: what requests are taken for. `wait` is the
  // request's own, and counts from now.
  Result<Serving> expected(std::optional<std::chrono::milliseconds> wait = {}) const;

  void on_generated(const wire::Generated& message);
  // The ring has ended. What is under way goes on with what is served next: the tokens so far are computed again, and
  // the listeners hear the next ones.
  void interrupt_all();
  // For so long those who are left could not hold the model: what is not to wait longer ends.
  void fail_interrupted(const Error& why, std::chrono::milliseconds waited);
  // Asks again for what could not be asked for. To be called now and then.
  void resume();
  bool waiting() const;  // for what resume() asks
  bool busy() const;     // somebody is being answered, or waits for that
  // All that is under way ends so.
  void fail_all(const Error& why);

 private:
  struct Job;
  std::chrono::milliseconds patience(std::optional<std::chrono::milliseconds> wait) const;
  void begin(const std::shared_ptr<Job>& job);
  void on_event(pipeline::AnswerId id, const pipeline::TokenEvent& event);
  void cancelled(const std::shared_ptr<Job>& job);
  void failed(const std::shared_ptr<Job>& job, const Error& why);
  void forget(const std::shared_ptr<Job>& job);

  GenerationsSurroundings surroundings_;
  mutable std::mutex mutex_;
  std::optional<Serving> serving_;
  Error why_not_{ErrorCode::unavailable, "the node is starting"};
  // What was served last. What is interrupted, and what is asked meanwhile, waits for it.
  std::optional<Serving> before_;
  std::optional<std::chrono::milliseconds> waited_;  // in vain; none while the next plan is on its way

  struct Place {
    std::shared_ptr<Job> job;
    uint32_t answer = 0;
  };
  pipeline::Continuations continuations_;
  std::map<pipeline::AnswerId, Place> places_;  // of those that are open
  std::map<Job*, std::shared_ptr<Job>> jobs_;
  uint64_t next_answer_ = 1;
  std::shared_ptr<Generations*> alive_;
  boost::asio::thread_pool encoders_{1};  // a long prompt takes its time, and the node's thread has none
};

}  // namespace exogpu::node
