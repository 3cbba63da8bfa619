// Signing in and out of the page: /v1/session.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api {

Surface session_surface();

}  // namespace exogpu::api
