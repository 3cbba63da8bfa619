#include "node/generations.h"

#include <boost/asio/post.hpp>

namespace exogpu::node {

struct Generations::Job {
  struct Part {
    Answer answer;
    std::vector<wire::TokenId> tokens{};  // so far
    uint64_t request = 0;                 // under which the next are asked for
  };

  GenerationRequest request;
  std::shared_ptr<GenerationListener> listener;
  Serving serving;
  EncodedPrompt prompt;
  std::vector<Part> parts;  // of each answer
  size_t open = 0;
  bool interrupted = false;
  wire::PlanEpoch ended{};  // of the ring that interrupted it
  bool over = false;
  std::stop_token cancel;
  std::optional<std::stop_callback<std::function<void()>>> on_cancel;
};

Generations::Generations(GenerationsSurroundings surroundings)
    : surroundings_(std::move(surroundings)), alive_(std::make_shared<Generations*>(this)) {}

Generations::~Generations() {
  encoders_.join();
  fail_all({ErrorCode::unavailable, "the node is stopping"});
}

void Generations::serve(Serving serving) {
  {
    const std::lock_guard lock(mutex_);
    before_ = serving;
    serving_ = std::move(serving);
  }
  resume();
}

void Generations::resume() {
  const auto now = serving();
  if (!now) return;
  for (const auto& [at, job] : std::map(jobs_)) {
    if (!job->interrupted || job->over || job->ended == now->epoch) continue;
    job->interrupted = false;
    ask(job);
  }
}

void Generations::stop_serving(Error why) {
  const std::lock_guard lock(mutex_);
  serving_.reset();
  why_not_ = std::move(why);
}

Result<Serving> Generations::serving() const {
  const std::lock_guard lock(mutex_);
  if (!serving_) return std::unexpected(why_not_);
  return *serving_;
}

Result<Serving> Generations::expected() const {
  const std::lock_guard lock(mutex_);
  if (serving_) return *serving_;
  if (before_) return *before_;
  return std::unexpected(why_not_);
}

bool Generations::goes_on() const {
  const std::lock_guard lock(mutex_);
  return before_.has_value();
}

void Generations::generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener,
                           std::stop_token cancel) {
  auto now = expected();
  if (!now) return listener->on_error(now.error());
  if (!request.model.empty() && request.model != now->model) {
    return listener->on_error(
        {ErrorCode::not_found, std::format("there is no model \"{}\"; here is \"{}\"", request.model, now->model)});
  }
  auto job = std::make_shared<Job>();
  job->request = std::move(request);
  job->listener = std::move(listener);
  job->serving = *std::move(now);
  job->cancel = std::move(cancel);
  boost::asio::post(encoders_, [job, post = surroundings_.post, alive = std::weak_ptr(alive_)] {
    auto prompt = job->serving.encoder->encode(job->request.prompt);
    if (!prompt) return job->listener->on_error(prompt.error());
    job->prompt = *std::move(prompt);
    post([job, alive] {
      const auto self = alive.lock();
      if (self) return (*self)->begin(job);
      job->listener->on_error({ErrorCode::unavailable, "the node is stopping"});
    });
  });
}

void Generations::begin(const std::shared_ptr<Job>& job) {
  const auto prompt_tokens = static_cast<uint32_t>(job->prompt.tokens.size());
  if (prompt_tokens >= job->serving.context) {
    return job->listener->on_error(
        {ErrorCode::resource_exhausted,
         std::format("the prompt has {} tokens and leaves no room for an answer in a context of {}; shorten it, or "
                     "serve the model with a larger one (--context)",
                     prompt_tokens, job->serving.context)});
  }
  for (uint32_t i = 0; i < job->request.answers; ++i) {
    auto answer = Answer::create(i, job->request.options, prompt_tokens, job->prompt.opens_thought,
                                 job->serving.encoder->tokenizer(), *job->listener);
    if (!answer) return job->listener->on_error(answer.error());
    job->parts.push_back({*std::move(answer)});
  }
  jobs_.emplace(job.get(), job);
  job->open = job->parts.size();
  job->listener->on_prompt(prompt_tokens);
  ask(job);
  if (job->over) return;
  job->on_cancel.emplace(job->cancel,
                         [post = surroundings_.post, alive = std::weak_ptr(alive_), weak = std::weak_ptr(job)] {
                           post([alive, weak] {
                             const auto self = alive.lock();
                             const auto cancelled = weak.lock();
                             if (self && cancelled) (*self)->cancelled(cancelled);
                           });
                         });
}

void Generations::ask(const std::shared_ptr<Job>& job) {
  const auto now = serving();
  if (!now) return goes_on() ? interrupt(job) : failed(job, now.error());
  // The encoder stays as it is: the answers use its tokenizer.
  job->serving.epoch = now->epoch;
  const engine::GenerateOptions& options = job->request.options;
  for (uint32_t i = 0; i < job->parts.size() && !job->over; ++i) {
    Job::Part& part = job->parts[i];
    if (part.answer.ended()) continue;
    const auto generated = static_cast<uint32_t>(part.tokens.size());
    if (options.tokens_max != 0 && generated >= options.tokens_max) {
      return failed(job, {ErrorCode::corrupt, "an answer has more tokens than were asked for"});
    }
    part.request = next_request_++;
    requests_.emplace(part.request, Place{.job = job, .answer = i});
    wire::Generate wanted{.epoch = now->epoch,
                          .request = part.request,
                          .tokens = job->prompt.tokens,
                          .prompt_tokens = static_cast<uint32_t>(job->prompt.tokens.size()),
                          .sampling = options.sampling,
                          .tokens_max = options.tokens_max == 0 ? 0 : options.tokens_max - generated,
                          .end_tokens = {}};
    wanted.tokens.insert(wanted.tokens.end(), part.tokens.begin(), part.tokens.end());
    wanted.sampling.seed += i;
    if (!options.ignore_end) wanted.end_tokens = job->serving.encoder->end_tokens();
    const auto sent = surroundings_.submit(std::move(wanted));
    if (sent) continue;
    if (sent.error().code != kRingEnded) return failed(job, sent.error());
    return goes_on() ? interrupt(job) : failed(job, {ErrorCode::unavailable, sent.error().message});
  }
}

void Generations::forget(const std::shared_ptr<Job>& job) {
  job->over = true;
  job->on_cancel.reset();
  for (const Job::Part& part : job->parts) {
    if (requests_.erase(part.request) > 0) surroundings_.cancel(part.request);
  }
  jobs_.erase(job.get());
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
    const std::lock_guard lock(mutex_);
    before_.reset();
  }
  for (const auto& [at, job] : std::map(jobs_)) failed(job, why);
}

void Generations::interrupt(const std::shared_ptr<Job>& job) {
  job->interrupted = true;
  for (const Job::Part& part : job->parts) {
    if (requests_.erase(part.request) > 0) surroundings_.cancel(part.request);
  }
}

void Generations::interrupt_all() {
  for (const auto& [at, job] : jobs_) {
    job->ended = job->serving.epoch;
    interrupt(job);
  }
}

void Generations::fail_interrupted(const Error& why) {
  {
    const std::lock_guard lock(mutex_);
    before_.reset();
  }
  for (const auto& [at, job] : std::map(jobs_)) {
    if (job->interrupted) failed(job, why);
  }
}

void Generations::on_generated(const wire::Generated& message) {
  const auto found = requests_.find(message.request);
  if (found == requests_.end()) return;
  const Place place = found->second;
  if (message.interrupted) {
    place.job->ended = place.job->serving.epoch;
    if (!goes_on()) return failed(place.job, *message.failure);
    return interrupt(place.job);
  }
  if (message.failure) {
    requests_.erase(found);
    return failed(place.job, *message.failure);
  }
  Job::Part& part = place.job->parts[place.answer];
  Answer& answer = part.answer;
  if (message.prompt_reused > 0 && part.tokens.empty()) answer.reused(message.prompt_reused);
  bool stopped = false;
  for (size_t i = 0; i < message.tokens.size() && !stopped; ++i) {
    const bool last = i + 1 == message.tokens.size();
    part.tokens.push_back(message.tokens[i].token);
    stopped = answer.push(message.tokens[i], last && message.end == wire::GenerateEnd::end_of_text);
  }
  if (!stopped && !message.end) return;
  requests_.erase(message.request);
  if (stopped && !message.end) surroundings_.cancel(message.request);
  if (!stopped) {
    switch (*message.end) {
      case wire::GenerateEnd::end_of_text: answer.end(engine::FinishReason::end_of_text); break;
      case wire::GenerateEnd::length: answer.end(engine::FinishReason::length); break;
      case wire::GenerateEnd::context_full: answer.end(engine::FinishReason::context_full); break;
      case wire::GenerateEnd::cancelled: answer.end(engine::FinishReason::cancelled); break;
    }
  }
  if (--place.job->open == 0) forget(place.job);
}

}  // namespace exogpu::node
