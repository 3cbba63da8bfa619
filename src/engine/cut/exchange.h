// How a member of a group meets the others: the sums and gathers of tensor parallelism.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/result.h"
#include "engine/cut/member_cut.h"
#include "engine/tensors/slicer.h"

namespace exogpu::engine {

// One member's end. All members make the same calls in the same order, each on its own thread; each call waits for the
// others. After abandon() by any member, every call fails until the group begins again.
class Exchange {
 public:
  virtual ~Exchange() = default;
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Replaces `values` by their sums over all members. Each element is added in the order of the ranks, in F32, so all
  // members get the same bits, and a group the same ones each time. Errors: cancelled (a member gave up), internal
  // (members of other sizes), and those of what lies between members.
  virtual Result<void> sum(std::span<float> values) = 0;

  // Joins the columns that each member has of `rows` rows: `part` is [rows, own columns]. `whole` [rows, all columns],
  // in the order of the ranks, is filled at rank 0; elsewhere it is empty. Errors: those of sum().
  virtual Result<void> gather(std::span<const float> part, size_t rows, std::span<float> whole) = 0;

  // This member failed: the others do not wait for it.
  virtual void abandon() = 0;
};

// What makes a shard the member of a group.
struct GroupMember {
  Architecture whole;  // of the model
  MemberCut cut;
  std::shared_ptr<Exchange> exchange;
};

// The slices of a member; empty without one. Borrows the file.
Slicer slicer(const model::Gguf& file, const std::shared_ptr<const GroupMember>& member);

}  // namespace exogpu::engine
