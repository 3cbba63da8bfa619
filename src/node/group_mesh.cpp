#include "node/group_mesh.h"

#include <algorithm>

namespace exogpu::node {
namespace {

using Links = std::vector<std::unique_ptr<net::MemberLink>>;

// By the first of its addresses that answers.
Result<std::unique_ptr<net::MemberLink>> connect_to(const security::TlsContext& tls, const wire::Member& member,
                                                    const wire::MemberHello& hello) {
  Error why{ErrorCode::unavailable, "it has no address"};
  for (const std::string& address : member.addresses) {
    auto link = net::MemberLink::connect(tls, address, member.link_port, member.node, kMeetMax);
    if (link) {
      EXO_CHECK((*link)->send_message(wire::encode(hello), kMeetMax));
      return link;
    }
    why = link.error();
  }
  return fail(why.code, "member {} of a group: {}", member.name, why.message);
}

}  // namespace

Result<std::shared_ptr<net::Mesh>> start_group(const security::TlsContext& tls, wire::MemberStart start,
                                               const std::vector<std::string>& devices) {
  Links links(start.members.size());
  for (uint32_t rank = 1; rank < start.members.size(); ++rank) {
    start.rank = rank;
    start.device = devices.at(rank - 1);
    EXO_TRY(links[rank], connect_to(tls, start.members[rank], start));
  }
  return std::make_shared<net::Mesh>(0, std::move(links));
}

Result<std::shared_ptr<net::Mesh>> join_group(const security::TlsContext& tls, const wire::MemberStart& start,
                                              std::unique_ptr<net::MemberLink> first, WaitingLinks& waiting) {
  Links links(start.members.size());
  links[0] = std::move(first);
  for (uint32_t rank = start.rank + 1; rank < start.members.size(); ++rank) {
    EXO_TRY(links[rank],
            connect_to(tls, start.members[rank], wire::MemberMeet{.group = start.group, .rank = start.rank}));
  }
  for (uint32_t rank = 1; rank < start.rank; ++rank) {
    EXO_TRY(links[rank], waiting.take(start.group, rank));
  }
  for (uint32_t rank = 0; rank < start.rank; ++rank)
    if (links[rank]->peer() != start.members[rank].node)
      return fail(ErrorCode::unauthenticated, "{}: it is not the node of member {}", links[rank]->name(), rank);
  return std::make_shared<net::Mesh>(start.rank, std::move(links));
}

void WaitingLinks::add(wire::GroupId group, uint32_t rank, std::unique_ptr<net::MemberLink> link) {
  const auto now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  std::erase_if(links_, [&](const auto& each) { return each.second.until < now; });
  links_.insert_or_assign(Key(group, rank), Waiting{.link = std::move(link), .until = now + kMeetMax});
  arrived_.notify_all();
}

Result<std::unique_ptr<net::MemberLink>> WaitingLinks::take(wire::GroupId group, uint32_t rank) {
  const auto until = std::chrono::steady_clock::now() + kMeetMax;
  MutexLock lock(mutex_);
  while (true) {
    if (auto found = links_.extract(Key(group, rank)); !found.empty()) return std::move(found.mapped().link);
    if (stopped_) return fail(ErrorCode::cancelled, "the node is stopping");
    if (std::chrono::steady_clock::now() >= until)
      return fail(ErrorCode::deadline_exceeded, "member {} of the group has not connected in time", rank);
    arrived_.wait_until(lock, until);
  }
}

void WaitingLinks::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  arrived_.notify_all();
}

}  // namespace exogpu::node
