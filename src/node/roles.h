// What each node of the cluster may do, as this node knows it: signed records, beside its identity on the disk, and
// sent to every node that it connects to. Of two records of a node the later one counts, so nodes agree in whatever
// order they meet.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "security/authority.h"
#include "wire/role.h"

namespace exogpu::node {

// Thread-safe.
class Roles {
 public:
  using WallTime = std::chrono::system_clock::time_point;

  // Errors: corrupt, permission_denied, io_error: naming the file.
  static Result<std::unique_ptr<Roles>> open(std::filesystem::path file, security::Certificate authority);

  // Whether the cluster has roles at all; in one of an older version every node is an owner.
  bool in_use() const;
  // Empty: not known, and the node has no rights.
  std::optional<wire::Role> of(wire::NodeId node) const;

  // Gives a node a role and writes the list; without effect if it has that role. Errors: failed_precondition (the
  // cluster has no roles, or no owner would be left), internal, io_error, permission_denied; resource_exhausted
  // (kRolesMax).
  Result<wire::RoleRecord> set(wire::NodeId node, wire::Role role, wire::NodeId by,
                               const security::Authority& authority, WallTime now);
  // The cluster has roles from now on: `owner` is one, and the others are members. Errors: already_exists (it has), and
  // as above.
  Result<wire::Roles> begin(wire::NodeId owner, std::span<const wire::NodeId> others,
                            const security::Authority& authority, WallTime now);

  // Takes over the records of another node that are later and signed, and returns those. What cannot be written counts
  // all the same, and is logged.
  std::vector<wire::RoleRecord> merge(const wire::Roles& theirs);

  wire::Roles all() const;

 private:
  Roles(std::filesystem::path file, security::Certificate authority)
      : file_(std::move(file)), authority_(std::move(authority)) {}
  Result<wire::RoleRecord> add(wire::RoleRecord record, const security::Authority& authority) EXO_REQUIRES(mutex_);
  bool take(wire::RoleRecord record) EXO_REQUIRES(mutex_);
  wire::Roles list() const EXO_REQUIRES(mutex_);
  Result<void> store() const EXO_REQUIRES(mutex_);

  const std::filesystem::path file_;
  const security::Certificate authority_;
  mutable Mutex mutex_;
  std::map<wire::NodeId, wire::RoleRecord> records_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::node
