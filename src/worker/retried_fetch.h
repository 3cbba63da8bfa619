// A fetch beside the actions of a worker, tried again with growing pauses.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cluster/reconcile.h"
#include "worker/stages.h"

namespace exogpu::worker {

struct RetriedFetchHost {
  FetchModel fetch;
  std::function<void()> on_result;                    // a fetch has ended: take_result() is due
  std::function<void(const std::string& note)> note;  // why a fetch failed; once in a row for each reason
};

// One thread. The time is passed in.
class RetriedFetch {
 public:
  explicit RetriedFetch(RetriedFetchHost host)
      : host_(std::move(host)), alive_(std::make_shared<RetriedFetch*>(this)) {}

  // Fetches these layers of the plan's model, none for the headers alone. What is in flight for others, or failed, does
  // not count any more. Returns when to call again, if nothing changes before.
  std::optional<cluster::Time> fetch(const wire::StagePlan& plan, wire::LayerRange layers, cluster::Time now);
  // Another fetch has begun, which ends this one.
  void cancel() { state_ = {.call = state_.call + 1}; }

  bool due() const { return state_.result.has_value(); }  // a fetch has ended
  // The file of the fetch that has ended, or null: none has, or it failed. A file that was changed is a failure.
  SharedGguf take_result(cluster::Time now);
  const std::string& content() const { return state_.content; }  // of the last fetch

 private:
  struct State {
    std::string content{};
    wire::LayerRange layers{};
    uint64_t call = 0;  // number of the last
    bool in_flight = false;
    std::optional<Result<SharedGguf>> result{};
    uint32_t failures = 0;
    cluster::Time failed_at{};
    bool permanent = false;
    std::string noted{};
  };
  RetriedFetchHost host_;
  State state_;
  std::shared_ptr<RetriedFetch*> alive_;
};

// Whether trying again may help.
bool may_mend(ErrorCode code);

}  // namespace exogpu::worker
