#include "node/condition.h"

#include <utility>

namespace exogpu::node {

void Condition::read() {
  if (std::exchange(reading_, true)) return;
  host_.in_background([this] {
    host_.post([this, readings = host_.read_sensors()] {
      reading_ = false;
      watch_.update(readings, std::chrono::steady_clock::now());
      host_.on_reading();
    });
  });
}

wire::NodeCondition Condition::current(const std::vector<const cluster::LocalPlan*>& plans) const {
  wire::NodeCondition condition = watch_.reported();
  condition.shards = cluster::shards_of(plans);
  return condition;
}

}  // namespace exogpu::node
