// The signatures of the records that give nodes their roles: with the authority's key, which owners have.
#pragma once

#include "base/result.h"
#include "security/authority.h"
#include "wire/role.h"

namespace exogpu::security {

// Sets the record's signature. Errors: internal.
Result<wire::RoleRecord> sign_role(wire::RoleRecord record, const Authority& authority);

// Whether this authority signed it.
bool is_signed_by(const wire::RoleRecord& record, const Certificate& authority);

}  // namespace exogpu::security
