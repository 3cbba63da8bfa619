// The node's audit over HTTP.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api {

// GET /v1/audit, GET /v1/audit/verify.
Surface audit_surface();

}  // namespace exogpu::api
