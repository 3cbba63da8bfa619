// Requests that came before their model was served: while a node starts, or a model is loaded.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "node/service.h"

namespace exogpu::node {

// Thread-safe. Listeners are called without a lock.
class EarlyRequests {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kMost = 256;

  struct Request {
    GenerationRequest request;
    std::shared_ptr<GenerationListener> listener;
    std::stop_token cancel;
    Clock::time_point until{};
    Error why;             // it waits
    double progress = -1;  // of the model when `until` was set last
  };

  // Waits from now on, or ends with its error, if too many wait or it waits for nothing.
  void add(Request request, Clock::time_point now) EXO_EXCLUDES(mutex_);

  // `start` takes a request whose model is served now and returns true; it returns false, and leaves the request as it
  // is, while it has to wait, and may say another reason why, or until when. What was cancelled or has waited too long
  // ends.
  void retry(Clock::time_point now, const std::function<bool(Request&)>& start) EXO_EXCLUDES(mutex_);

  // The models that requests wait for, by name.
  std::set<std::string> models() const EXO_EXCLUDES(mutex_);

  void fail_all(const Error& why) EXO_EXCLUDES(mutex_);

 private:
  std::vector<Request> take() EXO_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::vector<Request> waiting_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::node
