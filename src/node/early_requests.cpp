#include "node/early_requests.h"

#include <iterator>
#include <utility>

namespace exogpu::node {

void EarlyRequests::add(Request request, Clock::time_point now) {
  if (request.until > now) {
    const MutexLock lock(mutex_);
    if (waiting_.size() < kMost) {
      waiting_.push_back(std::move(request));
      return;
    }
  }
  request.listener->on_error(request.why);
}

std::vector<EarlyRequests::Request> EarlyRequests::take() {
  const MutexLock lock(mutex_);
  return std::exchange(waiting_, {});
}

void EarlyRequests::retry(Clock::time_point now, const std::function<bool(Request&)>& start) {
  std::vector<Request> left;
  for (Request& each : take()) {
    if (each.cancel.stop_requested()) {
      each.listener->on_error({ErrorCode::cancelled, "the request was cancelled"});
    } else if (start(each)) {
      continue;
    } else if (now >= each.until) {
      each.listener->on_error(each.why);
    } else {
      left.push_back(std::move(each));
    }
  }
  const MutexLock lock(mutex_);
  waiting_.insert(waiting_.begin(), std::move_iterator(left.begin()), std::move_iterator(left.end()));
}

std::set<std::string> EarlyRequests::models() const {
  const MutexLock lock(mutex_);
  std::set<std::string> models;
  for (const Request& each : waiting_) models.insert(each.request.model);
  return models;
}

void EarlyRequests::fail_all(const Error& why) {
  for (const Request& each : take()) each.listener->on_error(why);
}

}  // namespace exogpu::node
