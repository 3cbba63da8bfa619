#include "wire/role.h"

#include <algorithm>
#include <utility>

#include "wire/cluster_coding.h"

namespace exogpu::wire {

std::string_view to_string(Role role) {
  switch (role) {
    case Role::owner: return "owner";
    case Role::member: return "member";
    case Role::worker: return "worker";
    case Role::guest: return "guest";
  }
  return "unknown";
}

Result<Role> parse_role(std::string_view text) {
  const auto found = std::ranges::find(kRoles, text, [](Role role) { return to_string(role); });
  if (found != kRoles.end()) return *found;
  return fail(ErrorCode::invalid_argument, "{}: no such role; there are owner, member, worker and guest",
              printable(std::string(text)));
}

bool supersedes(const RoleRecord& later, const RoleRecord& earlier) {
  return later.epoch != earlier.epoch ? later.epoch > earlier.epoch : later.role > earlier.role;
}

ByteVector encode(const Roles& message) {
  proto::Roles out;
  for (const RoleRecord& record : message.list) {
    proto::RoleRecord& to = *out.add_list();
    to.set_node(text_of(record.node));
    to.set_role(std::to_underlying(record.role));
    to.set_by(text_of(record.by));
    to.set_epoch(record.epoch);
    to.set_set_s(record.set_s);
    to.set_signature(text_of(record.signature));
  }
  return serialize(out);
}

template <>
Result<Roles> decode<Roles>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Roles>(bytes, "roles"));
  EXO_CHECK(within(in.list_size(), kRolesMax, "the roles of nodes"));
  Roles out;
  for (const proto::RoleRecord& field : in.list()) {
    RoleRecord record{.node = {}, .by = {}, .epoch = field.epoch(), .set_s = field.set_s()};
    EXO_TRY(record.node, node_of(field.node(), "a node with a role"));
    EXO_TRY(record.by, node_of(field.by(), "the node that gave a role"));
    const auto role = std::ranges::find(kRoles, field.role(), [](Role each) { return std::to_underlying(each); });
    if (role == kRoles.end()) return fail(ErrorCode::corrupt, "a node with the role {}", field.role());
    record.role = *role;
    EXO_TRY(record.signature, blob(field.signature(), kSignatureBytesMax, "the signature of a role"));
    out.list.push_back(std::move(record));
  }
  return out;
}

ByteVector encode(const AuthorityKey& message) {
  proto::AuthorityKey out;
  out.set_key(text_of(message.key));
  return serialize(out);
}

template <>
Result<AuthorityKey> decode<AuthorityKey>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::AuthorityKey>(bytes, "authority key"));
  AuthorityKey out;
  if (in.key().empty()) return out;
  EXO_TRY(out.key, blob(in.key(), kPrivateKeyBytesMax, "the authority's key"));
  return out;
}

}  // namespace exogpu::wire
