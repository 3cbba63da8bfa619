#include "node/roles.h"

#include <algorithm>
#include <format>

#include "base/log.h"
#include "security/files.h"
#include "security/role.h"

namespace exogpu::node {
namespace {

constexpr Bytes kRolesFileBytesMax = 1 * MiB;

int64_t since_1970(Roles::WallTime now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
}

}  // namespace

Result<std::unique_ptr<Roles>> Roles::open(std::filesystem::path file, security::Certificate authority) {
  std::unique_ptr<Roles> roles(new Roles(std::move(file), std::move(authority)));
  const auto bytes = security::read_secret(roles->file_, kRolesFileBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::not_found) return roles;
  if (!bytes) return std::unexpected(bytes.error());
  auto read = wire::decode<wire::Roles>(std::as_bytes(std::span(*bytes)));
  if (!read) {
    return fail(ErrorCode::corrupt, "{}: {}; restore the file from another node of the cluster", roles->file_.string(),
                read.error().message);
  }
  const MutexLock lock(roles->mutex_);
  for (wire::RoleRecord& record : read->list) roles->take(std::move(record));
  return roles;
}

bool Roles::take(wire::RoleRecord record) {
  const auto known = records_.find(record.node);
  if (known != records_.end() && !supersedes(record, known->second)) return false;
  if (known == records_.end() && records_.size() >= wire::kRolesMax) return false;
  if (!security::is_signed_by(record, authority_)) return false;
  const wire::NodeId node = record.node;
  records_.insert_or_assign(node, std::move(record));
  return true;
}

bool Roles::in_use() const {
  const MutexLock lock(mutex_);
  return !records_.empty();
}

std::optional<wire::Role> Roles::of(wire::NodeId node) const {
  const MutexLock lock(mutex_);
  if (records_.empty()) return wire::Role::owner;
  const auto known = records_.find(node);
  return known == records_.end() ? std::nullopt : std::optional(known->second.role);
}

wire::Roles Roles::list() const {
  wire::Roles out;
  for (const auto& [node, record] : records_) out.list.push_back(record);
  return out;
}

wire::Roles Roles::all() const {
  const MutexLock lock(mutex_);
  return list();
}

Result<void> Roles::store() const {
  const wire::ByteVector bytes = wire::encode(list());
  return security::write_secret(file_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Result<wire::RoleRecord> Roles::add(wire::RoleRecord record, const security::Authority& authority) {
  record.epoch = 1;
  for (const auto& [node, earlier] : records_) record.epoch = std::max(record.epoch, earlier.epoch + 1);
  EXO_TRY(record, security::sign_role(std::move(record), authority));
  if (!records_.contains(record.node) && records_.size() >= wire::kRolesMax) {
    return fail(ErrorCode::resource_exhausted, "this cluster has had {} nodes; create a new one", records_.size());
  }
  records_.insert_or_assign(record.node, record);
  return record;
}

Result<wire::RoleRecord> Roles::set(wire::NodeId node, wire::Role role, wire::NodeId by,
                                    const security::Authority& authority, WallTime now) {
  const MutexLock lock(mutex_);
  if (records_.empty()) {
    return fail(ErrorCode::failed_precondition,
                "this cluster is of an older version and has no roles: every node is an owner; `exogpu roles upgrade` "
                "changes that");
  }
  const auto known = records_.find(node);
  const auto before = known == records_.end() ? std::nullopt : std::optional(known->second);
  if (before && before->role == role) return *before;
  const auto owners =
      std::ranges::count(records_, wire::Role::owner, [](const auto& each) { return each.second.role; });
  if (before && before->role == wire::Role::owner && owners == 1) {
    return fail(ErrorCode::failed_precondition, "node {} is the only owner of the cluster; make another one first",
                node.short_text());
  }
  EXO_TRY(const wire::RoleRecord record,
          add({.node = node, .role = role, .by = by, .epoch = 0, .set_s = since_1970(now)}, authority));
  if (auto stored = store(); !stored) {
    records_.erase(node);
    if (before) records_.emplace(node, *before);
    return std::unexpected(stored.error());
  }
  return record;
}

Result<wire::Roles> Roles::begin(wire::NodeId owner, std::span<const wire::NodeId> others,
                                 const security::Authority& authority, WallTime now) {
  const MutexLock lock(mutex_);
  if (!records_.empty()) return fail(ErrorCode::already_exists, "this cluster has roles already");
  const auto fill = [&]() EXO_REQUIRES(mutex_) -> Result<void> {
    EXO_TRY(
        const auto first,
        add({.node = owner, .role = wire::Role::owner, .by = owner, .epoch = 0, .set_s = since_1970(now)}, authority));
    for (const wire::NodeId node : others) {
      if (node == owner) continue;
      EXO_TRY(const auto added,
              add({.node = node, .role = wire::Role::member, .by = owner, .epoch = 0, .set_s = since_1970(now)},
                  authority));
    }
    return store();
  };
  if (auto filled = fill(); !filled) {
    records_.clear();
    return std::unexpected(filled.error());
  }
  return list();
}

std::vector<wire::RoleRecord> Roles::merge(const wire::Roles& theirs) {
  const MutexLock lock(mutex_);
  std::vector<wire::RoleRecord> news;
  for (const wire::RoleRecord& record : theirs.list) {
    if (take(record)) news.push_back(record);
  }
  if (news.empty()) return news;
  if (auto stored = store(); !stored) log::error("node", "{}", stored.error().message);
  return news;
}

}  // namespace exogpu::node
