// Profiles as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gpu/profile/profile.h"

namespace exogpu::gpu {

nlohmann::ordered_json to_json(const Profile& profile);

// Errors: corrupt when a field is missing, of another kind, or a rate no positive number.
Result<Profile> profile_from_json(const nlohmann::ordered_json& json);

}  // namespace exogpu::gpu
