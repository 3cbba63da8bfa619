#include "node/generations.h"

#include <algorithm>
#include <format>

#include "node/embedding_text.h"
#include "node/prompt_fit.h"

namespace exogpu::node {

struct Generations::Job {
  struct Part {
    Answer answer;
    pipeline::AnswerId id{};
  };

  GenerationRequest request;
  std::shared_ptr<GenerationListener> listener;
  Serving serving;
  EncodedPrompt prompt;
  std::vector<Part> parts;  // of each answer
  size_t open = 0;
  bool accepted = false;  // by a ring
  bool over = false;
  std::stop_token cancel;
  std::optional<std::stop_callback<std::function<void()>>> on_cancel;
};

// Counts a generation from its request until it begins, or ends before.
class Generations::Preparing {
 public:
  explicit Preparing(std::shared_ptr<std::atomic<size_t>> count) : count_(std::move(count)) { ++*count_; }
  ~Preparing() { --*count_; }
  Preparing(const Preparing&) = delete;
  Preparing& operator=(const Preparing&) = delete;

 private:
  std::shared_ptr<std::atomic<size_t>> count_;
};

Generations::Generations(GenerationsHost host)
    : host_(std::move(host)),
      continuations_(
          {.submit = [this](wire::Generate request) { return host_.submit(std::move(request)); },
           .cancel = [this](uint64_t request) { host_.cancel(request); },
           .on_event = [this](pipeline::AnswerId id, const pipeline::TokenEvent& event) { on_event(id, event); }}),
      alive_(std::make_shared<Generations*>(this)) {}

Generations::~Generations() { fail_all({ErrorCode::unavailable, "the node is stopping"}); }

void Generations::serve(Serving serving) {
  const wire::PlanEpoch epoch = serving.epoch;
  {
    const MutexLock lock(mutex_);
    serving.since = previous_ ? previous_->since : std::chrono::system_clock::now();
    previous_ = serving;
    waited_.reset();
    serving_ = std::move(serving);
  }
  continuations_.serve(epoch);
}

void Generations::resume() { continuations_.resume(); }
bool Generations::was_served() const {
  const MutexLock lock(mutex_);
  return previous_.has_value();
}
bool Generations::waiting() const { return continuations_.waiting() > 0; }

bool Generations::busy() const { return continuations_.open() > 0 || *preparing_ > 0; }

void Generations::stop_serving(Error why) {
  continuations_.pause(why);
  const MutexLock lock(mutex_);
  serving_.reset();
  not_serving_ = std::move(why);
}

void Generations::expect_plan() {
  continuations_.expect_ring();
  const MutexLock lock(mutex_);
  waited_.reset();
}

Result<Serving> Generations::serving() const {
  const MutexLock lock(mutex_);
  if (!serving_) return std::unexpected(not_serving_);
  return *serving_;
}

std::chrono::milliseconds Generations::total_wait(std::optional<std::chrono::milliseconds> wait) const {
  return wait ? *wait + waited_.value_or(std::chrono::milliseconds(0)) : host_.wait;
}

Result<Serving> Generations::expected(std::optional<std::chrono::milliseconds> wait) const {
  const MutexLock lock(mutex_);
  if (serving_) return *serving_;
  if (previous_ && (!waited_ || total_wait(wait) > *waited_)) return *previous_;
  return std::unexpected(not_serving_);
}

void Generations::generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener,
                           std::stop_token cancel) {
  auto now = expected(request.wait);
  if (!now) return listener->on_error(now.error());
  auto job = std::make_shared<Job>();
  job->request = std::move(request);
  job->listener = std::move(listener);
  job->serving = *std::move(now);
  job->cancel = std::move(cancel);
  const auto counted = std::make_shared<Preparing>(preparing_);
  host_.in_background([job, counted, post = host_.post, alive = std::weak_ptr(alive_)] {
    if (auto prepared = prepare(*job); !prepared) return job->listener->on_error(prepared.error());
    post([job, counted, alive] {
      const auto self = alive.lock();
      if (self) return (*self)->begin(job);
      job->listener->on_error({ErrorCode::unavailable, "the node is stopping"});
    });
  });
}

// What takes its time: on a thread of its own.
Result<void> Generations::prepare(Job& job) {
  const Serving& serving = job.serving;
  EXO_CHECK(check_purpose(job.request, serving.encoder->details(), serving.model));
  if (job.request.embedding) {
    EXO_TRY(job.prompt, text_to_embed(*serving.encoder, job.request, {serving.context, serving.batch}));
    return {};
  }
  EXO_TRY(FittedPrompt fitted, fit_prompt(*serving.encoder, job.request, serving.context));
  if (fitted.prompt.constraint) job.request.options.sampling.constraint = fitted.prompt.constraint;
  EXO_CHECK(serving.encoder->constrain(job.request.options, fitted.prompt));
  if (job.request.options.echo) EXO_CHECK(add_echo(*serving.encoder, job.request.prompt, fitted.prompt));
  if (fitted.messages_removed > 0) job.listener->on_shortened(fitted.messages_removed);
  job.prompt = std::move(fitted.prompt);
  return {};
}

void Generations::begin(const std::shared_ptr<Job>& job) {
  const auto prompt_tokens = static_cast<uint32_t>(job->prompt.tokens.size());
  if (prompt_tokens >= job->serving.context && !job->request.embedding) {
    return job->listener->on_error(
        {ErrorCode::resource_exhausted,
         std::format("the prompt has {} tokens and leaves no room for an answer in a context of {}; shorten it, or "
                     "serve the model with a larger one (--context)",
                     prompt_tokens, job->serving.context)});
  }
  for (uint32_t i = 0; i < job->request.answers; ++i) {
    auto answer =
        Answer::create(i, job->request.options, job->prompt, job->serving.encoder->tokenizer(), *job->listener);
    if (!answer) return job->listener->on_error(answer.error());
    job->parts.push_back({*std::move(answer), pipeline::AnswerId(next_answer_++)});
  }
  jobs_.emplace(job.get(), job);
  job->open = job->parts.size();
  for (uint32_t i = 0; i < job->parts.size(); ++i)
    open_answers_.emplace(job->parts[i].id, OpenAnswer{.job = job, .answer = i});
  std::chrono::milliseconds waits{};
  {
    const MutexLock lock(mutex_);
    waits = total_wait(job->request.wait);
  }
  for (uint32_t i = 0; i < job->parts.size() && !job->over; ++i) {
    pipeline::Request request = ring_request(job->prompt, job->request.options, *job->serving.encoder);
    request.sampling.seed += i;
    request.client = job->request.client;
    request.queue_wait_max = job->request.wait;
    request.embed = job->request.embedding.has_value();
    continuations_.begin(job->parts[i].id, std::move(request), waits);
  }
  if (job->over) return;
  job->on_cancel.emplace(job->cancel, [post = host_.post, alive = std::weak_ptr(alive_), weak = std::weak_ptr(job)] {
    post([alive, weak] {
      const auto self = alive.lock();
      const auto cancelled = weak.lock();
      if (self && cancelled) (*self)->cancelled(cancelled);
    });
  });
}

void Generations::forget(const std::shared_ptr<Job>& job) {
  job->over = true;
  job->on_cancel.reset();
  for (const Job::Part& part : job->parts) {
    if (open_answers_.erase(part.id) > 0) continuations_.cancel(part.id);
  }
  jobs_.erase(job.get());
  if (host_.on_end) host_.on_end();
}

void Generations::cancelled(const std::shared_ptr<Job>& job) {
  if (job->over) return;
  forget(job);
  for (Job::Part& part : job->parts) part.answer.end(engine::FinishReason::cancelled);
}

void Generations::failed(const std::shared_ptr<Job>& job, const Error& why) {
  if (job->over) return;
  forget(job);
  job->listener->on_error(why);
}

void Generations::fail_all(const Error& why) {
  {
    const MutexLock lock(mutex_);
    previous_.reset();
  }
  for (const auto& [at, job] : std::map(jobs_)) failed(job, why);
  continuations_.fail_waiting(why);
}

void Generations::interrupt_all() { continuations_.interrupt_all(); }

void Generations::fail_interrupted(const Error& why, std::chrono::milliseconds waited) {
  {
    const MutexLock lock(mutex_);
    waited_ = waited;
  }
  continuations_.fail_waiting(why, waited);
}

void Generations::on_generated(const wire::Generated& message) { continuations_.on_generated(message); }

void Generations::on_event(pipeline::AnswerId id, const pipeline::TokenEvent& event) {
  const auto found = open_answers_.find(id);
  if (found == open_answers_.end()) return;
  const OpenAnswer open = found->second;
  if (event.failure) {
    open_answers_.erase(found);
    if (event.queue) open.job->listener->on_refused(*event.queue);
    return failed(open.job, *event.failure);
  }
  if (!std::exchange(open.job->accepted, true)) {
    open.job->listener->on_prompt(static_cast<uint32_t>(open.job->prompt.tokens.size()));
  }
  Answer& answer = open.job->parts[open.answer].answer;
  if (event.token && !event.token->embedding.empty()) {
    const std::vector<float>& all = event.token->embedding;
    const size_t asked = open.job->request.embedding ? open.job->request.embedding->dimensions : 0;
    open.job->listener->on_embedding(std::span(all).first(asked == 0 ? all.size() : std::min(asked, all.size())));
    answer.end(engine::FinishReason::length);
  }
  if (!answer.on_event(event)) return;
  open_answers_.erase(found);
  if (!event.end) continuations_.cancel(id);
  if (--open.job->open == 0) forget(open.job);
}

}  // namespace exogpu::node
