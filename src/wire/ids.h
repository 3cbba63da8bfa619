// The ids that nodes exchange.
#pragma once

#include <cstdint>

#include "base/strong.h"

namespace exogpu::wire {

using PlanEpoch = Strong<uint64_t, struct PlanEpochTag>;  // the number of a plan; a greater one replaces a smaller one
using TransferId = Strong<uint64_t, struct TransferIdTag>;  // one run of bulk frames, such as a tensor's bytes
using SeqId = Strong<uint32_t, struct SeqIdTag>;            // a sequence of a plan

// A client of the API, for fair queueing: a short hash of its key or address. 0: not known.
using ClientId = Strong<uint64_t, struct ClientIdTag>;

// A stream that a node keeps for its client. Random: knowing it is part of the right to read it.
using StreamId = Strong<uint64_t, struct StreamIdTag>;

}  // namespace exogpu::wire
