#include "node/pulls.h"

#include <format>
#include <optional>
#include <utility>

namespace exogpu::node {

Pulls::Pulls(PullModel pull, OnPulled on_pulled)
    : pull_(std::move(pull)),
      on_pulled_(std::move(on_pulled)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Pulls::~Pulls() {
  {
    const MutexLock lock(mutex_);  // not between the thread's look at it and its wait
    thread_.request_stop();
  }
  changed_.notify_all();
  thread_.join();
  const MutexLock lock(mutex_);
  for (const Job& job : waiting_) job.listener->on_end(fail(ErrorCode::unavailable, "the node is stopping"));
}

void Pulls::add(std::string source, std::shared_ptr<PullListener> listener, std::stop_token cancel) {
  if (!pull_) return listener->on_end(fail(ErrorCode::unsupported, "this node pulls no models"));
  {
    const MutexLock lock(mutex_);
    if (waiting_.size() < kMost) {
      waiting_.push_back({std::move(source), std::move(listener), std::move(cancel)});
      return changed_.notify_all();
    }
  }
  listener->on_end(fail(ErrorCode::unavailable, "{} models wait to be pulled already; try again later", kMost));
}

void Pulls::run(const std::stop_token& stop) {
  while (true) {
    std::optional<Job> next;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stop.stop_requested()) changed_.wait(lock);
      if (stop.stop_requested()) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    pull(*next, stop);
  }
}

// Ends with the node or with the client's own wish.
void Pulls::pull(const Job& job, const std::stop_token& stop) {
  std::stop_source either;
  const std::stop_callback with_node(stop, [&] { either.request_stop(); });
  const std::stop_callback with_client(job.cancel, [&] { either.request_stop(); });
  if (either.stop_requested()) return job.listener->on_end(fail(ErrorCode::cancelled, "nobody waits for it any more"));
  auto pulled =
      pull_(job.source, [&](const PullProgress& progress) { job.listener->on_progress(progress); }, either.get_token());
  if (pulled && on_pulled_) pulled = on_pulled_(*pulled, either.get_token());
  job.listener->on_end(pulled);
}

}  // namespace exogpu::node
