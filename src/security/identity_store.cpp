#include "security/identity_store.h"

#include <array>
#include <string>
#include <system_error>

#include "security/files.h"
#include "security/hash.h"
#include "security/role.h"

namespace exogpu::security {
namespace {

constexpr Bytes kFileBytesMax = 64 * KiB;

// Adds the folder to the message, for files that are well-formed by themselves.
template <typename T>
Result<T> in_folder(const std::filesystem::path& folder, Result<T> result) {
  if (result) return result;
  return fail(result.error().code, "{}: {}; restore the folder, or remove it to make a new identity", folder.string(),
              result.error().message);
}

Result<Certificate> read_certificate(const std::filesystem::path& file) {
  EXO_TRY(const std::string pem, read_file(file, kFileBytesMax));
  return Certificate::from_pem(pem, file.string());
}

Result<wire::RoleRecord> first_owner(wire::NodeId node, const Authority& authority, WallTime now) {
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  return sign_role({.node = node, .role = wire::Role::owner, .by = node, .epoch = 1, .set_s = since.count()},
                   authority);
}

}  // namespace

Result<PrivateKey> IdentityStore::read_key(const std::filesystem::path& file) const {
  EXO_TRY(const std::string pem, read_secret(file, kFileBytesMax));
  if (is_encrypted_key(pem)) {
    if (passphrase_) return passphrase_->decrypt(pem, file.string());
    return fail(ErrorCode::unauthenticated,
                "{}: this key is encrypted; name the file with its passphrase with --key-passphrase-file FILE or in "
                "EXOGPU_KEY_PASSPHRASE_FILE",
                file.string());
  }
  EXO_TRY(PrivateKey key, PrivateKey::from_pem(pem, file.string()));
  if (passphrase_) EXO_CHECK(write_key(file, key));
  return key;
}

Result<void> IdentityStore::write_key(const std::filesystem::path& file, const PrivateKey& key) const {
  if (!passphrase_) return write_secret(file, key.to_pem());
  EXO_TRY(const std::string encrypted, passphrase_->encrypt(key));
  return write_secret(file, encrypted);
}

Result<std::optional<Identity>> IdentityStore::load() const {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(home(), error);
  if (status.type() == std::filesystem::file_type::not_found) return std::optional<Identity>();
  if (error) {
    return fail(ErrorCode::permission_denied,
                "{}: cannot be read ({}); run exogpu as the owner of this folder, or name another with --state DIR",
                home().string(), error.message());
  }
  EXO_TRY(PrivateKey key, read_key(home() / "node.key"));
  if (passphrase_ && std::filesystem::exists(home() / "authority.key", error)) {
    EXO_TRY(const PrivateKey encrypted_now, read_key(home() / "authority.key"));
  }
  EXO_TRY(Certificate certificate, read_certificate(home() / "node.crt"));
  EXO_TRY(Certificate authority, read_certificate(home() / "authority.crt"));
  EXO_TRY(Identity identity,
          in_folder(home(), Identity::of(std::move(key), std::move(certificate), std::move(authority))));
  return std::optional<Identity>(std::move(identity));
}

Result<std::filesystem::path> IdentityStore::write_beside(const Identity& identity, const Authority* authority,
                                                          std::span<const std::byte> roles) const {
  EXO_CHECK(make_private_directory(state_));
  std::array<std::byte, 8> random;
  EXO_CHECK(random_bytes(random));
  const auto folder = state_ / ("identity.new-" + to_hex(random));
  EXO_CHECK(make_private_directory(folder));
  const auto fill = [&] -> Result<void> {
    EXO_CHECK(write_key(folder / "node.key", identity.key()));
    EXO_CHECK(write_secret(folder / "node.crt", identity.certificate().to_pem()));
    EXO_CHECK(write_secret(folder / "authority.crt", identity.authority().to_pem()));
    if (!roles.empty()) {
      EXO_CHECK(write_secret(folder / "roles", {reinterpret_cast<const char*>(roles.data()), roles.size()}));
    }
    if (!authority) return {};
    return write_key(folder / "authority.key", authority->key());
  };
  if (auto filled = fill(); !filled) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    return std::unexpected(std::move(filled).error());
  }
  return folder;
}

Result<Identity> IdentityStore::load_or_found(WallTime now) const {
  EXO_TRY(auto found, load());
  if (found) return *std::move(found);
  EXO_TRY(const Authority authority, Authority::create(now));
  EXO_TRY(Identity identity, Identity::issue(authority, now));
  EXO_TRY(const wire::RoleRecord owner, first_owner(identity.node(), authority, now));
  EXO_TRY(const auto folder, write_beside(identity, &authority, wire::encode(wire::Roles{.list = {owner}})));
  auto published = publish_directory(folder, home());
  if (published) return identity;
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  if (published.error().code != ErrorCode::already_exists) return std::unexpected(std::move(published).error());
  // Another program was first.
  EXO_TRY(auto theirs, load());
  if (theirs) return *std::move(theirs);
  return fail(ErrorCode::unavailable, "{}: another program is changing this folder; try again", home().string());
}

Result<std::filesystem::path> IdentityStore::set_aside() const {
  std::error_code error;
  std::filesystem::path before;
  const bool present = std::filesystem::exists(home(), error);
  if (error) return fail(ErrorCode::io_error, "{}: cannot be looked at: {}", home().string(), error.message());
  if (!present) return before;
  int n = 1;
  do {
    before = state_ / std::format("identity.before-{}", n++);
  } while (std::filesystem::exists(before, error));
  std::filesystem::rename(home(), before, error);
  if (error) return fail(ErrorCode::io_error, "{}: cannot rename the folder: {}", home().string(), error.message());
  return before;
}

Result<void> IdentityStore::retire() const {
  EXO_TRY(const auto aside, set_aside());
  return {};
}

Result<void> IdentityStore::adopt(const Membership& given, bool replace) const {
  EXO_TRY(const auto folder, write_beside(given.identity, given.authority ? &*given.authority : nullptr, given.roles));
  std::error_code ignored;
  std::filesystem::path before;
  if (replace) {
    auto aside = set_aside();
    if (!aside) {
      std::filesystem::remove_all(folder, ignored);
      return std::unexpected(std::move(aside).error());
    }
    before = *std::move(aside);
  }
  auto published = publish_directory(folder, home());
  if (!published) {
    std::filesystem::remove_all(folder, ignored);
    if (!before.empty()) std::filesystem::rename(before, home(), ignored);
  }
  return published;
}

Result<Identity> IdentityStore::renew(const Certificate& certificate) const {
  EXO_TRY(auto known, load());
  if (!known) return fail(ErrorCode::not_found, "{}: there is no identity", home().string());
  EXO_TRY(Identity renewed, known->with(certificate));
  EXO_CHECK(write_secret(home() / "node.crt", certificate.to_pem()));
  return renewed;
}

Result<std::optional<Identity>> IdentityStore::renew_by_itself(const Identity& identity, WallTime now) const {
  std::optional<Identity> renewed;
  if (!renewal_due(identity.certificate().validity(), now)) return renewed;
  const auto own = authority();
  if (!own && own.error().code == ErrorCode::failed_precondition) return renewed;
  if (!own) return std::unexpected(own.error());
  EXO_TRY(const auto request, make_certificate_request(identity.key()));
  EXO_TRY(const Certificate certificate, own->sign(request, now));
  EXO_TRY(renewed, renew(certificate));
  return renewed;
}

Result<Authority> IdentityStore::authority() const {
  std::error_code error;
  if (!std::filesystem::exists(home() / "authority.key", error)) {
    return fail(
        ErrorCode::failed_precondition,
        "this device is no owner of its cluster: it cannot let others in, remove them or give them roles. Do it "
        "on a device that `exogpu status` shows as owner");
  }
  EXO_TRY(PrivateKey key, read_key(home() / "authority.key"));
  EXO_TRY(Certificate certificate, read_certificate(home() / "authority.crt"));
  return in_folder(home(), Authority::of(std::move(key), std::move(certificate)));
}

Result<void> IdentityStore::keep_authority(const PrivateKey& key) const {
  EXO_TRY(Certificate certificate, read_certificate(home() / "authority.crt"));
  EXO_TRY(PrivateKey copy, PrivateKey::from_der(key.to_der(), "the authority's key"));
  EXO_TRY(const Authority authority, Authority::of(std::move(copy), std::move(certificate)));
  return write_key(home() / "authority.key", authority.key());
}

Result<void> IdentityStore::forget_authority() const {
  std::error_code error;
  std::filesystem::remove(home() / "authority.key", error);
  if (!error) return {};
  return fail(ErrorCode::io_error, "{}: cannot be removed ({}); remove it by hand, since this device is no owner now",
              (home() / "authority.key").string(), error.message());
}

}  // namespace exogpu::security
