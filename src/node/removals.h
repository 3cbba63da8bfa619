// The nodes that were removed from the cluster, as this node knows them: signed records, on its disk and sent to every
// node that it connects to. The list only grows, so nodes agree in whatever order they meet, and one that was away
// cannot bring a removed node back.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "security/authority.h"
#include "wire/removal.h"

namespace exogpu::node {

// Thread-safe.
class Removals {
 public:
  using WallTime = std::chrono::system_clock::time_point;

  // Errors: corrupt, permission_denied, io_error: naming the file.
  static Result<std::unique_ptr<Removals>> open(const std::filesystem::path& state, security::Certificate authority);

  // Adds one and writes the list. Without effect if the node was removed before. Errors: internal, io_error,
  // permission_denied; resource_exhausted (kRemovalsMax).
  Result<wire::Removal> remove(wire::NodeId node, wire::NodeId by, const security::Authority& authority, WallTime now);

  // Takes over the records of another node that are new and signed, and returns those. What cannot be written counts
  // all the same, and is logged.
  std::vector<wire::Removal> merge(const wire::Removals& theirs);

  std::optional<wire::Removal> find(wire::NodeId node) const;
  // Errors: permission_denied, if it was removed; the message is for that node.
  Result<void> check(wire::NodeId node) const;
  wire::Removals all() const;

 private:
  Removals(std::filesystem::path file, security::Certificate authority)
      : file_(std::move(file)), authority_(std::move(authority)) {}
  wire::Removals list() const EXO_REQUIRES(mutex_);
  Result<void> store() const EXO_REQUIRES(mutex_);

  const std::filesystem::path file_;
  const security::Certificate authority_;
  mutable Mutex mutex_;
  std::map<wire::NodeId, wire::Removal> removed_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::node
