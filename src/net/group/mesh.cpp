#include "net/group/mesh.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "net/group/member_link.h"
#include "wire/frame.h"

namespace exogpu::net {
namespace {

constexpr std::chrono::milliseconds kAwake{5};        // as the members of a group in one process wait
constexpr std::chrono::milliseconds kLookAgain{250};  // asleep, whether the silence is too long

}  // namespace

Mesh::Mesh(uint32_t rank, std::vector<std::unique_ptr<MemberLink>> links, Clock::duration silence_max)
    : rank_(rank), links_(std::move(links)), silence_max_(silence_max), needed_(links_.size()) {
  for (const auto& link : links_)
    if (link) others_.push_back(link.get());
}

Mesh::~Mesh() = default;

void Mesh::start(uint32_t step) {
  step_ = step;
  operation_ = 0;
  abandoned_ = false;
}

std::unexpected<Error> Mesh::named(uint32_t rank, const Error& error) const {
  return fail(error.code, "member {} of the group, {}", rank, error.message);
}

Result<bool> Mesh::pump() {
  bool moved = false;
  for (uint32_t rank = 0; rank < members(); ++rank) {
    if (!links_[rank]) continue;
    const auto some = links_[rank]->pump();
    if (!some && needed_[rank] != 0) return named(rank, some.error());
    moved |= some && *some;
  }
  return moved;
}

// Moves bytes until done() is true. Patient: without limit.
template <typename Done>
Result<void> Mesh::run(Done done, bool patient) {
  auto last = Clock::now();
  while (true) {
    EXO_TRY(const bool moved, pump());
    EXO_TRY(const bool ended, done());
    if (ended) return {};
    const auto now = Clock::now();
    if (moved) {
      last = now;
    } else if (now - last < kAwake) {
      std::this_thread::yield();
    } else if (!patient && now - last > silence_max_) {
      return fail(ErrorCode::deadline_exceeded, "another member of the group has sent nothing for {}",
                  std::chrono::duration_cast<std::chrono::seconds>(silence_max_));
    } else {
      MemberLink::wait(others_, patient ? -1 : static_cast<int>(kLookAgain.count()));
    }
  }
}

// The memory that callers gave is theirs again.
Result<void> Mesh::end(Result<void> result) {
  if (result) return result;
  for (MemberLink* link : others_) {
    link->keep_unsent();
    link->give_up_receiving();
  }
  const Error& why = result.error();
  if (why.code != ErrorCode::cancelled && why.code != ErrorCode::internal) interrupt(why);
  const MutexLock lock(mutex_);
  return lost_ ? std::unexpected(*lost_) : result;
}

// Whether the values are complete.
Result<bool> Mesh::take_values(const MeshIncoming& in) {
  MemberLink& link = *links_[in.rank];
  const MemberFrameHead due{step_, operation_, static_cast<uint32_t>(in.payload.size()), MemberFrameKind::values};
  while (const MemberFrameHead* head = link.arrived()) {
    if (*head == due) {
      link.receive_into(in.payload);
    } else if (head->step < step_) {
      link.skip();
    } else if (head->step == step_ && head->kind == MemberFrameKind::abandoned) {
      return fail(ErrorCode::cancelled, "another member of the group has failed");
    } else if (head->step == step_ && head->kind == MemberFrameKind::values) {
      return named(in.rank, {ErrorCode::internal,
                             std::format("{}: it sends {} bytes as operation {} of a step, where {} are due as {}",
                                         link.name(), head->bytes, head->operation, due.bytes, operation_)});
    } else {
      return strayed(in.rank);
    }
  }
  if (!link.received()) return false;
  link.next();
  return true;
}

std::unexpected<Error> Mesh::strayed(uint32_t rank) const {
  return named(rank, {ErrorCode::corrupt, std::format("{}: it sends what belongs to no step", links_[rank]->name())});
}

Result<void> Mesh::transfer(std::span<const MeshOutgoing> out, std::span<const MeshIncoming> in) {
  if (abandoned_) return fail(ErrorCode::cancelled, "this member of the group has failed");
  std::ranges::fill(needed_, 0);
  for (const MeshIncoming& each : in) needed_[each.rank] = 1;
  for (const MeshOutgoing& each : out) {
    needed_[each.rank] = 1;
    write_head({.step = step_,
                .operation = operation_,
                .bytes = static_cast<uint32_t>(each.frame.size() - kMemberHeadBytes),
                .kind = MemberFrameKind::values},
               each.frame);
    links_[each.rank]->send(each.frame);
  }
  taken_.assign(in.size(), 0);
  const auto done = [&]() -> Result<bool> {
    bool all = std::ranges::all_of(out, [&](const MeshOutgoing& each) { return links_[each.rank]->sent(); });
    for (size_t i = 0; i < in.size(); ++i) {
      if (taken_[i] != 0) continue;
      EXO_TRY(const bool taken, take_values(in[i]));
      taken_[i] = taken ? 1 : 0;
      all &= taken;
      if (taken && links_[in[i].rank]->sent()) needed_[in[i].rank] = 0;  // its end may be gone meanwhile
    }
    return all;
  };
  auto result = end(run(done, false));
  ++operation_;
  return result;
}

void Mesh::abandon() {
  if (std::exchange(abandoned_, true)) return;
  std::array<std::byte, kMemberHeadBytes> frame;
  write_head({.step = step_, .operation = operation_, .bytes = 0, .kind = MemberFrameKind::abandoned}, frame);
  for (MemberLink* link : others_) {
    link->send(frame);
    (void)link->pump();  // a lost connection is noticed by who waits for it
    link->keep_unsent();
  }
}

Result<void> Mesh::send_message(uint32_t rank, std::span<const std::byte> message) {
  message_frame_.resize(kMemberHeadBytes);
  message_frame_.insert(message_frame_.end(), message.begin(), message.end());
  write_head(
      {.step = step_, .operation = 0, .bytes = static_cast<uint32_t>(message.size()), .kind = MemberFrameKind::message},
      message_frame_);
  links_[rank]->send(message_frame_);
  need_only(rank);
  return end(run([&]() -> Result<bool> { return links_[rank]->sent(); }, false));
}

// Whether the message is complete.
Result<bool> Mesh::take_message(uint32_t rank, bool starts_step, wire::ByteVector& message) {
  MemberLink& link = *links_[rank];
  while (const MemberFrameHead* head = link.arrived()) {
    const bool due = starts_step ? head->step > step_ : head->step == step_;
    if (due && head->kind == MemberFrameKind::message) {
      if (head->bytes > wire::kControlBytesMax) return strayed(rank);
      if (starts_step) start(head->step);
      message.resize(head->bytes);
      link.receive_into(message);
    } else if (head->step > step_) {
      return strayed(rank);
    } else {
      link.skip();  // of a step that failed
    }
  }
  if (!link.received()) return false;
  link.next();
  return true;
}

void Mesh::need_only(uint32_t rank) {
  std::ranges::fill(needed_, 0);
  needed_[rank] = 1;
}

Result<wire::ByteVector> Mesh::receive_message(uint32_t rank, bool patient) {
  wire::ByteVector message;
  need_only(rank);
  EXO_CHECK(end(run([&] { return take_message(rank, false, message); }, patient)));
  return message;
}

Result<wire::ByteVector> Mesh::receive_call() {
  wire::ByteVector message;
  std::ranges::fill(needed_, 1);
  EXO_CHECK(end(run([&] { return take_message(0, true, message); }, true)));
  return message;
}

void Mesh::interrupt(Error why) {
  const MutexLock lock(mutex_);
  if (lost_) return;
  lost_ = std::move(why);
  for (MemberLink* link : others_) link->abort();
}

std::optional<Error> Mesh::lost() const {
  const MutexLock lock(mutex_);
  return lost_;
}

}  // namespace exogpu::net
