// POST /v1/plan: how a model of the library would be planned, without loading it.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api {

Surface plan_surface();

}  // namespace exogpu::api
