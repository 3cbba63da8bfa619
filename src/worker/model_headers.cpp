#include "worker/model_headers.h"

namespace exogpu::worker {

using cluster::Time;

void ModelHeaders::take(SharedGguf file, std::string content) {
  file_ = std::move(file);
  content_ = std::move(content);
}

void ModelHeaders::record(Time now) {
  if (SharedGguf file = fetch_.take_result(now)) take(std::move(file), fetch_.content());
}

std::optional<Time> ModelHeaders::fetch(const wire::StagePlan& plan, Time now) {
  if (file(plan.content)) return std::nullopt;
  return fetch_.fetch(plan, {}, now);
}

}  // namespace exogpu::worker
