#include "worker/model_headers.h"

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

void ModelHeaders::take(SharedGguf file, std::string content) {
  file_ = std::move(file);
  content_ = std::move(content);
}

void ModelHeaders::record(Time now) {
  if (!fetch_.result) return;
  Result<SharedGguf> file = *std::exchange(fetch_.result, std::nullopt);
  fetch_.in_flight = false;
  if (file) {
    take(*std::move(file), fetch_.content);
    fetch_ = {.call = fetch_.call};
    return;
  }
  ++fetch_.failures;
  fetch_.failed_at = now;
  fetch_.permanent = !may_mend(file.error().code);
  host_.note(file.error().message);
}

std::optional<Time> ModelHeaders::fetch(const wire::StagePlan& plan, Time now) {
  if (file(plan.content)) return std::nullopt;
  if (fetch_.content != plan.content) fetch_ = {.content = plan.content, .call = fetch_.call};
  if (fetch_.in_flight || fetch_.permanent) return std::nullopt;
  if (const Time next = fetch_.failed_at + cluster::back_off(fetch_.failures); fetch_.failures > 0 && now < next) {
    return next;
  }
  fetch_.in_flight = true;
  host_.fetch(
      plan, {}, [](Bytes, Bytes) {},
      [this, call = ++fetch_.call, alive = std::weak_ptr(alive_)](Result<SharedGguf> file) {
        if (!alive.lock() || call != fetch_.call) return;
        fetch_.result = std::move(file);
        host_.on_result();
      });
  return std::nullopt;
}

}  // namespace exogpu::worker
