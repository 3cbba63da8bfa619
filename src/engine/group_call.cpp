#include "engine/group_call.h"

namespace exogpu::engine {
namespace {

struct Caller {
  Shard& shard;

  Result<void> operator()(const Batch& batch) const {
    Batch own = batch;
    own.into = {};
    EXO_CHECK(shard.forward(own));
    return {};
  }
  Result<void> operator()(const TruncateCall& call) const { return shard.truncate(call.sequence, call.end); }
  Result<void> operator()(const CopyPrefixCall& call) const {
    return shard.copy_prefix(call.from, call.to, call.length);
  }
  Result<void> operator()(const PlaceCall& call) const { return shard.place(call.placements); }
  Result<void> operator()(const ReleaseRowsCall&) const {
    shard.release_rows();
    return {};
  }
};

}  // namespace

Result<void> do_call(Shard& shard, const GroupCall& call) { return std::visit(Caller{shard}, call); }

}  // namespace exogpu::engine
