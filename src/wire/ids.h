// The ids that nodes exchange.
#pragma once

#include <cstdint>

#include "base/strong.h"

namespace exogpu::wire {

using PlanEpoch = Strong<uint64_t, struct PlanEpochTag>;  // the number of a plan; a greater one replaces a smaller one
using TransferId = Strong<uint64_t, struct TransferIdTag>;  // one run of bulk frames, such as a tensor's bytes
using SeqId = Strong<uint32_t, struct SeqIdTag>;            // a sequence of a plan

}  // namespace exogpu::wire
