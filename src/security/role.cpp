#include "security/role.h"

#include <format>

#include "security/signature.h"

namespace exogpu::security {
namespace {

std::string text_to_sign(const wire::RoleRecord& record, const wire::ClusterId& cluster) {
  return std::format("exogpu role 1\n{}\n{}\n{}\n{}\n{}\n{}", cluster.text(), record.node.text(),
                     wire::to_string(record.role), record.by.text(), record.epoch, record.set_s);
}

}  // namespace

Result<wire::RoleRecord> sign_role(wire::RoleRecord record, const Authority& authority) {
  EXO_TRY(record.signature, sign(text_to_sign(record, authority.cluster()), authority.key().native()));
  return record;
}

bool is_signed_by(const wire::RoleRecord& record, const Certificate& authority) {
  EVP_PKEY* key = public_key_of(authority);
  return key != nullptr && is_signature(text_to_sign(record, authority.cluster_id()), record.signature, key);
}

}  // namespace exogpu::security
