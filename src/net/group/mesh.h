// The connections of a member to all others of its group, and how they exchange values and messages.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "net/group/member_frame.h"
#include "wire/messages.h"

namespace exogpu::net {

class MemberLink;

// For the member of a rank. The first kMemberHeadBytes of `frame` are for the mesh, the values follow.
struct MeshOutgoing {
  uint32_t rank = 0;
  std::span<std::byte> frame;
};
// From the member of a rank: exactly so many bytes.
struct MeshIncoming {
  uint32_t rank = 0;
  std::span<std::byte> payload;
};

// The thread that computes drives it: it waits without sleep for a moment, since the other members are about to finish
// as well, then asleep. What all do for one call of the first member is a step, with a number that only grows. When a
// member fails in a step, what was in flight is dropped, and the next step finds the connections in order; when a
// connection is lost, or a member is silent or sends what makes no sense, the mesh is of no use any more: every call
// fails with the reason.
class Mesh {
 public:
  using Clock = std::chrono::steady_clock;

  // `links`: by rank, null at the own one. `silence_max`: for which the others may be without a byte while this member
  // waits for them in a step.
  Mesh(uint32_t rank, std::vector<std::unique_ptr<MemberLink>> links,
       Clock::duration silence_max = std::chrono::seconds(60));

  ~Mesh();
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;

  uint32_t rank() const { return rank_; }
  uint32_t members() const { return static_cast<uint32_t>(links_.size()); }

  // Of the first member: the next step begins.
  void begin_step() { start(step_ + 1); }
  // Of the others: waits, without limit, for the first member's message, with which the next step begins.
  Result<wire::ByteVector> receive_call();

  // One operation of a step: sends and receives at the same time, at most once for each rank. All members must do the
  // same operations in the same order. Errors: cancelled (another member failed in this step), internal (another one
  // sends other sizes), corrupt, unavailable, deadline_exceeded.
  Result<void> transfer(std::span<const MeshOutgoing> out, std::span<const MeshIncoming> in);
  // This member failed in the present step: nobody waits for its values. Does not wait.
  void abandon();

  // Within a step. Errors: those of transfer() but for cancelled and internal.
  Result<void> send_message(uint32_t rank, std::span<const std::byte> message);
  // Patient: for what may take any time, such as loading.
  Result<wire::ByteVector> receive_message(uint32_t rank, bool patient = false);

  // Everything fails with this reason from now on, at once. Any thread.
  void interrupt(Error why) EXO_EXCLUDES(mutex_);
  // Why the mesh is of no use any more; empty while it is. Any thread.
  std::optional<Error> lost() const EXO_EXCLUDES(mutex_);

 private:
  template <typename Done>
  Result<void> run(Done done, bool patient);
  Result<bool> pump();
  Result<bool> take_values(const MeshIncoming& in);
  Result<bool> take_message(uint32_t rank, bool starts_step, wire::ByteVector& message);
  Result<void> end(Result<void> result) EXO_EXCLUDES(mutex_);
  void start(uint32_t step);
  void need_only(uint32_t rank);
  std::unexpected<Error> named(uint32_t rank, const Error& error) const;
  std::unexpected<Error> strayed(uint32_t rank) const;

  uint32_t rank_;
  std::vector<std::unique_ptr<MemberLink>> links_;
  std::vector<MemberLink*> others_;
  Clock::duration silence_max_;
  uint32_t step_ = 0;
  uint32_t operation_ = 0;
  bool abandoned_ = false;    // the present step, by this member
  std::vector<char> taken_;   // of what a transfer receives
  std::vector<char> needed_;  // by rank: the loss of this connection is an error of what is done now
  std::vector<std::byte> message_frame_;
  mutable Mutex mutex_;
  std::optional<Error> lost_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::net
