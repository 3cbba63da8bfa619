// What a node of the cluster may do, and the signed records that say so: the list that every node keeps, and that nodes
// send each other when they connect and when it changes (proto/cluster.proto). security/role.h signs its records.
//
// A cluster without any record is one of an older version, where every node has the authority's key: all are owners.
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/frame.h"
#include "wire/messages.h"
#include "wire/node_id.h"

namespace exogpu::wire {

inline constexpr size_t kRolesMax = 2000;  // nodes

// The numbers are those of the messages, by falling rights.
enum class Role : uint8_t {
  owner = 1,   // has the authority's key: lets others in, removes them, gives them roles; and what a member may
  member = 2,  // asks and computes, knows the API's keys, can lead the cluster
  worker = 3,  // computes only
  guest = 4,   // asks only
};
inline constexpr std::array<Role, 4> kRoles = {Role::owner, Role::member, Role::worker, Role::guest};

// "owner".
std::string_view to_string(Role role);
// Errors: invalid_argument, with the roles that there are.
Result<Role> parse_role(std::string_view text);

// Whether a node of this role may know the API's keys, lead, and change what the cluster does.
constexpr bool is_trusted(Role role) { return role == Role::owner || role == Role::member; }
constexpr bool may_ask(Role role) { return role != Role::worker; }
constexpr bool may_compute(Role role) { return role != Role::guest; }

struct RoleRecord {
  NodeId node;
  Role role = Role::member;
  NodeId by;               // the owner that gave it
  uint64_t epoch = 0;      // one more than any that this owner knew; of two records of a node the later one counts
  int64_t set_s = 0;       // since 1970
  ByteVector signature{};  // with the authority's key
  friend bool operator==(const RoleRecord&, const RoleRecord&) = default;
};

// Whether `later` takes the place of `earlier`, which is of the same node: it has a higher epoch, or fewer rights in
// the same. Total: of two that differ in one of them exactly one supersedes.
bool supersedes(const RoleRecord& later, const RoleRecord& earlier);

struct Roles {
  static constexpr ControlType kType = ControlType::roles;
  std::vector<RoleRecord> list{};  // of each node one
  friend bool operator==(const Roles&, const Roles&) = default;
};

// From an owner to another: the authority's key. Without it: the sender is an owner and lacks it.
struct AuthorityKey {
  static constexpr ControlType kType = ControlType::authority_key;
  ByteVector key{};  // PKCS #8, DER
  friend bool operator==(const AuthorityKey&, const AuthorityKey&) = default;
};

ByteVector encode(const Roles& message);
ByteVector encode(const AuthorityKey& message);
template <>
Result<Roles> decode<Roles>(std::span<const std::byte> bytes);
template <>
Result<AuthorityKey> decode<AuthorityKey>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
