// Profiles as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gpu/profile/profile.h"

namespace exogpu::gpu {

nlohmann::ordered_json to_json(const Profile& profile);

// Errors: corrupt when a field is missing or has another type, or a rate is not a positive number.
Result<Profile> profile_from_json(const nlohmann::ordered_json& json);

}  // namespace exogpu::gpu
