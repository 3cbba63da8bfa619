// Where a node stores its identity.
//
//   STATE/identity/node.key        its private key
//   STATE/identity/node.crt        its certificate
//   STATE/identity/authority.crt   of its cluster
//   STATE/identity/authority.key   of an owner: the authority's private key, to admit newcomers
//   STATE/identity/roles           the nodes' roles (node/roles.h); absent in a cluster without roles
//
// The folder appears in one step once it is complete, so a crash leaves a whole identity or none, and two programs that
// start at the same time get the same identity. With a passphrase (passphrase.h) the two private keys are encrypted.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "security/authority.h"
#include "security/identity.h"
#include "security/passphrase.h"

namespace exogpu::security {

// Blocks during file operations. Any thread, one at a time.
class IdentityStore {
 public:
  // Keys are encrypted with the passphrase, also those that are found unencrypted, as soon as they are read. Null:
  // none. Without the right one, the calls that read a key have the error unauthenticated.
  explicit IdentityStore(std::filesystem::path state, std::shared_ptr<const KeyPassphrase> passphrase = nullptr)
      : state_(std::move(state)), passphrase_(std::move(passphrase)) {}

  // Empty if there is no identity yet. Errors name the file: corrupt, permission_denied, io_error.
  Result<std::optional<Identity>> load() const;

  // On the first start without joining, founds a cluster: an authority, and this node as its owner.
  Result<Identity> load_or_found(WallTime now) const;

  // Stores a membership. A previous identity remains complete beside it as `identity.before-N`; without `replace` it is
  // the error already_exists instead. An error changes nothing.
  Result<void> adopt(const Membership& given, bool replace) const;

  // The node belongs to no cluster any more: its identity remains complete as `identity.before-N`, and the next start
  // founds or joins one. Without an identity nothing happens.
  Result<void> retire() const;

  // Replaces the node's certificate by a later one for the same key. Errors: not_found (no identity); corrupt, if it is
  // for another key or of another authority; those of writing a file.
  Result<Identity> renew(const Certificate& certificate) const;

  // Has the authority of this folder replace the certificate where that is due. Empty, where it is not or where the
  // folder has no key of the authority. Errors: corrupt, internal, and those of the files.
  Result<std::optional<Identity>> renew_by_itself(const Identity& identity, WallTime now) const;

  // The authority's key, to admit newcomers.
  // Errors: failed_precondition, if this node does not have it.
  Result<Authority> authority() const;
  // This node is an owner from now on. Errors: corrupt, if the key is not that of its cluster's authority; those of
  // writing a file.
  Result<void> keep_authority(const PrivateKey& key) const;
  // It is none any more. Errors: io_error.
  Result<void> forget_authority() const;

  std::filesystem::path roles_file() const { return home() / "roles"; }

 private:
  Result<std::filesystem::path> set_aside() const;  // where the identity is then; empty: there was none
  std::filesystem::path home() const { return state_ / "identity"; }
  Result<std::filesystem::path> write_beside(const Identity& identity, const Authority* authority,
                                             std::span<const std::byte> roles) const;
  Result<PrivateKey> read_key(const std::filesystem::path& file) const;
  Result<void> write_key(const std::filesystem::path& file, const PrivateKey& key) const;
  std::filesystem::path state_;
  std::shared_ptr<const KeyPassphrase> passphrase_;
};

}  // namespace exogpu::security
