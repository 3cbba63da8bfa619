// Lets drivers compile what they need before anybody waits for it, which takes some of them twenty seconds.
#pragma once

#include <stop_token>

#include "engine/shard_group.h"
#include "gpu/device.h"

namespace exogpu::node {

// On the device of the shard, whose first sequence is empty afterwards. Errors: those of Shard::forward().
Result<void> warm_up(engine::ShardGroup& shard, const gpu::DeviceInfo& device, const std::stop_token& stop);

}  // namespace exogpu::node
