#include "worker/retried_fetch.h"

#include "model/gguf.h"

namespace exogpu::worker {

using cluster::Time;

bool may_mend(ErrorCode code) {
  switch (code) {
    case ErrorCode::unavailable:
    case ErrorCode::deadline_exceeded:
    case ErrorCode::cancelled:
    case ErrorCode::io_error:
    case ErrorCode::internal: return true;
    default: return false;
  }
}

SharedGguf RetriedFetch::take_result(Time now) {
  if (!state_.result) return nullptr;
  Result<SharedGguf> file = *std::exchange(state_.result, std::nullopt);
  state_.in_flight = false;
  if (file && *file) {
    if (auto unchanged = (*file)->check(); !unchanged) file = std::unexpected(std::move(unchanged).error());
  }
  if (file) {
    state_.failures = 0;
    state_.noted.clear();
    return *std::move(file);
  }
  ++state_.failures;
  state_.failed_at = now;
  // A node that has it may come online at any time.
  state_.permanent = !may_mend(file.error().code) && file.error().code != ErrorCode::not_found;
  if (std::exchange(state_.noted, file.error().message) != file.error().message) host_.note(file.error().message);
  return nullptr;
}

std::optional<Time> RetriedFetch::fetch(const wire::StagePlan& plan, wire::LayerRange layers, Time now) {
  if (state_.content != plan.content || state_.layers != layers) {
    state_ = {.content = plan.content, .layers = layers, .call = state_.call + 1};
  }
  if (state_.in_flight || state_.permanent) return std::nullopt;
  if (const Time next = state_.failed_at + cluster::back_off(state_.failures); state_.failures > 0 && now < next) {
    return next;
  }
  state_.in_flight = true;
  host_.fetch(
      plan, layers, [](Bytes, Bytes) {},
      [this, call = ++state_.call, alive = std::weak_ptr(alive_)](Result<SharedGguf> file) {
        if (!alive.lock() || call != state_.call) return;
        state_.result = std::move(file);
        host_.on_result();
      });
  return std::nullopt;
}

}  // namespace exogpu::worker
