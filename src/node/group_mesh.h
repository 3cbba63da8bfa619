// How the members of a group on several nodes find each other: the first connects to all others and says what they are
// for, and each of these connects to those of higher ranks. Everything here blocks.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "net/group/member_link.h"
#include "net/group/mesh.h"
#include "security/tls.h"
#include "wire/group_start.h"

namespace exogpu::node {

inline constexpr std::chrono::seconds kMeetMax{5};  // for each connection, and for one that another member makes

// The connections of the first member. `start`: without its rank and device; `devices`: of the others, in order.
// Errors: those of MemberLink::connect(), naming the node.
Result<std::shared_ptr<net::Mesh>> start_group(const security::TlsContext& tls, wire::MemberStart start,
                                               const std::vector<std::string>& devices);

// Connections that wait for the member that they are for. Any thread.
class WaitingLinks {
 public:
  void add(wire::GroupId group, uint32_t rank, std::unique_ptr<net::MemberLink> link) EXO_EXCLUDES(mutex_);
  // Errors: deadline_exceeded, cancelled (after stop()).
  Result<std::unique_ptr<net::MemberLink>> take(wire::GroupId group, uint32_t rank) EXO_EXCLUDES(mutex_);
  void stop() EXO_EXCLUDES(mutex_);

 private:
  using Key = std::pair<wire::GroupId, uint32_t>;
  struct Waiting {
    std::unique_ptr<net::MemberLink> link;
    std::chrono::steady_clock::time_point until;
  };
  Mutex mutex_;
  CondVar arrived_;
  std::map<Key, Waiting> links_ EXO_GUARDED_BY(mutex_);
  bool stopped_ EXO_GUARDED_BY(mutex_) = false;
};

// The connections of another member, which was started over `first`. Errors: those of connecting, naming the node, and
// of WaitingLinks; unauthenticated (a connection that another node than the member's made).
Result<std::shared_ptr<net::Mesh>> join_group(const security::TlsContext& tls, const wire::MemberStart& start,
                                              std::unique_ptr<net::MemberLink> first, WaitingLinks& waiting);

}  // namespace exogpu::node
