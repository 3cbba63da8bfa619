// The ids that cross a machine.
#pragma once

#include <cstdint>

#include "base/strong.h"

namespace exogpu::wire {

using SeqId = Strong<uint32_t, struct SeqIdTag>;  // one conversation's place in the KV cache of a shard

}  // namespace exogpu::wire
