// Where a node keeps who it is.
//
//   STATE/identity/node.key        its private key
//   STATE/identity/node.crt        its certificate
//   STATE/identity/authority.crt   of its cluster
//   STATE/identity/authority.key   its private key, with which others are let in; not on a node that was let in by one
//                                  that does not hand it on
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

  // Keeps what a cluster gave. What there was before, if anything, stays beside it, whole, as `identity.before-N`; with
  // `replace` false it is already_exists instead. After an error all is as it was.
  Result<void> adopt(const Membership& given, bool replace) const;

  // The authority's key, to let others join.
  // Errors: failed_precondition when this node has it not.
  Result<Authority> authority() const;

 private:
  std::filesystem::path home() const { return state_ / "identity"; }
  Result<std::filesystem::path> write_beside(const Identity& identity, const Authority* authority) const;
  std::filesystem::path state_;
};

}  // namespace exogpu::security
