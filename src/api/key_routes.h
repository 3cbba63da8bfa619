// /v1/keys: makes, lists and revokes the keys of the API; docs/api.md.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api {

Surface key_surface();

}  // namespace exogpu::api
