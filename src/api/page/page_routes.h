// The page that people use, and the description of the API: /, /assets/, /openapi.json.
#pragma once

#include <string>
#include <string_view>

#include "api/surface/exchange.h"
#include "node/cluster_snapshot.h"

namespace exogpu::api {

Surface page_surface();

// What the page may do, as a Content-Security-Policy: it runs only its own files, and connects only to the server that
// it came from and to the APIs of the cluster's other members. Addresses of members that are no plain origins are left
// away, since members choose them.
std::string page_policy(const node::ClusterSnapshot& cluster);

// Whether an Accept-Encoding admits gzip.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace exogpu::api
