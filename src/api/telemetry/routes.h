// How devices and links are and were, what happened, and what users should know of: /v1/telemetry,
// /v1/telemetry/stream, /v1/telemetry/links, /v1/alerts, /v1/events, /v1/requests.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api {

Surface telemetry_surface();

}  // namespace exogpu::api
