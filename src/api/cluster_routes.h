// What the server says about itself and the cluster: /health, /version, /v1/cluster.
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api {

Surface cluster_surface();

}  // namespace exogpu::api
