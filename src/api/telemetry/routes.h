// How the devices are, and what users should know of: /v1/telemetry, /v1/telemetry/stream, /v1/alerts.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api {

Surface telemetry_surface();

}  // namespace exogpu::api
