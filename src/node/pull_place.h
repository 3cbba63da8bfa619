// Which node pulls a model: one with room for its files on the disk, and best with memory for it. A pure function.
#pragma once

#include <map>

#include "base/result.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

// `rooms`: the free bytes of the disks, of the nodes that may pull. `bytes`: of the model's files; 0: unknown. Of the
// nodes whose disk has room, those that can hold most of the model in memory come first, then one that has such a file
// already, then `asked`, then the one with most room. Errors: resource_exhausted, naming what each of them has free;
// unavailable (there is none).
Result<wire::NodeId> node_to_pull(const wire::ReplicatedState& state, const std::map<wire::NodeId, Bytes>& rooms,
                                  Bytes bytes, wire::NodeId asked);

}  // namespace exogpu::node
