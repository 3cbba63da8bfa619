// New devices: pairing codes, and what the doctor finds. Only for clients on this machine, and for those with a key
// where keys are needed: a newcomer becomes a full member of the cluster.
//
//   POST /v1/cluster/pairing             a code to show; with {"code": "123456"} the code that a newcomer shows
//   GET, DELETE /v1/cluster/pairing/CODE what became of it; withdraws it
//   GET /v1/cluster/doctor               takes some seconds
#pragma once

#include "api/surface/exchange.h"

namespace exogpu::api {

Surface admission_surface();

}  // namespace exogpu::api
