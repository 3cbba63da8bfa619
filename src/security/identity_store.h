// Where a node keeps who it is.
//
//   STATE/identity/node.key        its private key
//   STATE/identity/node.crt        its certificate
//   STATE/identity/authority.crt   of its cluster
//   STATE/identity/authority.key   only on the node that founded the cluster
//
// The folder appears in one step when it is complete, so that a crash leaves a whole identity or none, and two programs
// that start at once end up with the same one.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.h"
#include "security/authority.h"
#include "security/identity.h"

namespace exogpu::security {

// Blocks for the time of its file operations. Any thread, one at a time.
class IdentityStore {
 public:
  explicit IdentityStore(std::filesystem::path state) : state_(std::move(state)) {}

  // Nothing when there is none yet. Errors name the file: corrupt, permission_denied, io_error.
  Result<std::optional<Identity>> load() const;

  // The first start of a node that joins nobody founds a cluster: an authority and this node in it.
  Result<Identity> load_or_found(WallTime now) const;

  // Keeps an identity that another cluster gave. The one there was before, if any, stays beside it as
  // `identity.before-N`; with `replace` false it is already_exists instead.
  Result<void> adopt(const Identity& identity, bool replace) const;

  // The authority's key, to let others join.
  // Errors: failed_precondition when this node did not found its cluster.
  Result<Authority> authority() const;

 private:
  std::filesystem::path home() const { return state_ / "identity"; }
  Result<std::filesystem::path> write_beside(const Identity& identity, const Authority* authority) const;
  std::filesystem::path state_;
};

}  // namespace exogpu::security
