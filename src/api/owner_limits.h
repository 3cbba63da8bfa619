// The limits of a node in the JSON of the API.
#pragma once

#include <nlohmann/json.hpp>

#include "api/json/json_body.h"
#include "wire/owner_limits.h"

namespace exogpu::api {

// null where nothing is limited. Hours are as "22-7".
nlohmann::ordered_json limits_json(const wire::OwnerLimits& limits);

// The fields of such an object that are there; null lifts a limit. Errors name the field and what it may be; one is
// that there are none.
Parsed<wire::LimitChanges> read_limit_changes(const nlohmann::ordered_json& asked);

}  // namespace exogpu::api
