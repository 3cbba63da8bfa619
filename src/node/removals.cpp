#include "node/removals.h"

#include <algorithm>
#include <format>

#include "base/log.h"
#include "security/files.h"
#include "security/removal.h"

namespace exogpu::node {
namespace {

constexpr Bytes kRemovalsBytesMax = 1 * MiB;

}  // namespace

Result<std::unique_ptr<Removals>> Removals::open(const std::filesystem::path& state, security::Certificate authority) {
  std::unique_ptr<Removals> removals(new Removals(state / "removed-nodes", std::move(authority)));
  const auto bytes = security::read_secret(removals->file_, kRemovalsBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::not_found) return removals;
  if (!bytes) return std::unexpected(bytes.error());
  auto read = wire::decode<wire::Removals>(std::as_bytes(std::span(*bytes)));
  if (!read) {
    return fail(ErrorCode::corrupt, "{}: {}; restore the file, or remove it to have it from the other nodes again",
                removals->file_.string(), read.error().message);
  }
  const MutexLock lock(removals->mutex_);
  // Those of a cluster that the node belonged to before are signed by another authority.
  for (wire::Removal& removal : read->list) {
    const wire::NodeId node = removal.node;
    if (security::is_signed_by(removal, removals->authority_)) removals->removed_.emplace(node, std::move(removal));
  }
  return removals;
}

wire::Removals Removals::list() const {
  wire::Removals out;
  for (const auto& [node, removal] : removed_) out.list.push_back(removal);
  return out;
}

Result<void> Removals::store() const {
  const wire::ByteVector bytes = wire::encode(list());
  return security::write_secret(file_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Result<wire::Removal> Removals::remove(wire::NodeId node, wire::NodeId by, const security::Authority& authority,
                                       WallTime now) {
  const MutexLock lock(mutex_);
  if (const auto known = removed_.find(node); known != removed_.end()) return known->second;
  if (removed_.size() >= wire::kRemovalsMax) {
    return fail(ErrorCode::resource_exhausted, "{} nodes were removed from this cluster; create a new one",
                removed_.size());
  }
  wire::Removal removal{.node = node,
                        .by = by,
                        .epoch = 1,
                        .removed_s = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count()};
  for (const auto& [other, earlier] : removed_) removal.epoch = std::max(removal.epoch, earlier.epoch + 1);
  EXO_TRY(removal, security::sign_removal(std::move(removal), authority));
  removed_.emplace(node, removal);
  if (auto stored = store(); !stored) {
    removed_.erase(node);
    return std::unexpected(stored.error());
  }
  return removal;
}

std::vector<wire::Removal> Removals::merge(const wire::Removals& theirs) {
  const MutexLock lock(mutex_);
  std::vector<wire::Removal> news;
  for (const wire::Removal& removal : theirs.list) {
    if (removed_.contains(removal.node) || removed_.size() >= wire::kRemovalsMax) continue;
    if (!security::is_signed_by(removal, authority_)) continue;
    removed_.emplace(removal.node, removal);
    news.push_back(removal);
  }
  if (news.empty()) return news;
  if (auto stored = store(); !stored) log::error("node", "{}", stored.error().message);
  return news;
}

std::optional<wire::Removal> Removals::find(wire::NodeId node) const {
  const MutexLock lock(mutex_);
  const auto known = removed_.find(node);
  return known == removed_.end() ? std::nullopt : std::optional(known->second);
}

Result<void> Removals::check(wire::NodeId node) const {
  const auto removal = find(node);
  if (!removal) return {};
  return fail(
      ErrorCode::permission_denied,
      "node {} was removed from this cluster on {:%F}; to let the device in again, run `exogpu join` there with "
      "a new state folder",
      node.short_text(), std::chrono::sys_seconds(std::chrono::seconds(removal->removed_s)));
}

wire::Removals Removals::all() const {
  const MutexLock lock(mutex_);
  return list();
}

}  // namespace exogpu::node
