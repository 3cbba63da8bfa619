// What the first member of a group has the others do, and who the others are.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <variant>

#include "base/result.h"
#include "engine/shard.h"

namespace exogpu::engine {

struct TruncateCall {
  wire::SeqId sequence;
  uint32_t end = 0;
};
struct CopyPrefixCall {
  wire::SeqId from, to;
  uint32_t length = 0;
};
struct PlaceCall {
  std::span<const Placement> placements;
};
struct ReleaseRowsCall {};
// A call of Shard; its result, but for errors, is the first member's alone.
using GroupCall = std::variant<Batch, TruncateCall, CopyPrefixCall, PlaceCall, ReleaseRowsCall>;

// Errors: those of the call.
Result<void> do_call(Shard& shard, const GroupCall& call);

// One thread drives them, that of the first member.
class OtherMembers {
 public:
  virtual ~OtherMembers() = default;
  OtherMembers() = default;
  OtherMembers(const OtherMembers&) = delete;
  OtherMembers& operator=(const OtherMembers&) = delete;

  // All begin the call; while they compute, so must the first member. What the call refers to must be valid until
  // end(), which waits for all and has the result of each, valid until the next call.
  virtual void begin(const GroupCall& call) = 0;
  virtual std::span<const Result<void>> end() = 0;

  virtual size_t size() const = 0;
  // Whether one of them computes with threads of this process, and with the pages of its file. While no call is in
  // progress.
  virtual bool on_processor() const = 0;
  virtual bool reads_file() const = 0;
  // Why they can compute no more, where one of them is gone; empty while they can. Any thread.
  virtual std::optional<Error> lost() const { return {}; }
};

}  // namespace exogpu::engine
