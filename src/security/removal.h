// The signatures of removals: with the authority's key, which its members have.
//
// So a removal proves that a member, or a former one, wrote it; a former one cannot send it to anybody.
#pragma once

#include "base/result.h"
#include "security/authority.h"
#include "wire/removal.h"

namespace exogpu::security {

// Errors: internal.
Result<wire::Removal> sign_removal(wire::Removal removal, const Authority& authority);

bool is_signed_by(const wire::Removal& removal, const Certificate& authority);

}  // namespace exogpu::security
