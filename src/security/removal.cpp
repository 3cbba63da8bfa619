#include "security/removal.h"

#include <format>

#include "security/signature.h"

namespace exogpu::security {
namespace {

std::string signed_text(const wire::Removal& removal, const wire::ClusterId& cluster) {
  return std::format("exogpu removal 1\n{}\n{}\n{}\n{}\n{}", cluster.text(), removal.node.text(), removal.by.text(),
                     removal.epoch, removal.removed_s);
}

}  // namespace

Result<wire::Removal> sign_removal(wire::Removal removal, const Authority& authority) {
  EXO_TRY(removal.signature, sign(signed_text(removal, authority.cluster()), authority.key().native()));
  return removal;
}

bool is_signed_by(const wire::Removal& removal, const Certificate& authority) {
  EVP_PKEY* key = public_key_of(authority);
  return key != nullptr && is_signature(signed_text(removal, authority.cluster_id()), removal.signature, key);
}

}  // namespace exogpu::security
