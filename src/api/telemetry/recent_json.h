// What a node remembers of the recent past, as JSON: GET /v1/events, /v1/requests, /v1/telemetry/links.
// docs/telemetry.md describes every field.
#pragma once

#include <string>
#include <vector>

#include "node/recent.h"

namespace exogpu::api {

// Objects. Invalid UTF-8 is replaced character by character.
std::string events_json(const std::vector<node::RecentEvent>& events);
std::string requests_json(const std::vector<node::RecentRequest>& requests);
std::string links_json(const std::vector<node::LinkPast>& links);

}  // namespace exogpu::api
