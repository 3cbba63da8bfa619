// The ids that cross a machine.
#pragma once

#include <cstdint>

#include "base/strong.h"

namespace exogpu::wire {

using PlanEpoch =
    Strong<uint64_t, struct PlanEpochTag>;  // counts the plans of a cluster; a higher one replaces a lower
using TransferId = Strong<uint64_t, struct TransferIdTag>;  // one run of bulk frames, such as a tensor's bytes
using SeqId = Strong<uint32_t, struct SeqIdTag>;            // one conversation's place in the KV cache of a shard

}  // namespace exogpu::wire
