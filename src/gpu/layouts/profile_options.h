// Device profiles in the layouts that models use.
#pragma once

#include "gpu/layouts/layout.h"
#include "gpu/profile/profile.h"

namespace exogpu::gpu {

// Options with which a profile is measured in the layouts that are right on this device and best for answers. Checks
// and measures what is not known of them when a profile is measured, not before.
ProfileOptions profile_options(const Device& device, uint32_t threads);

}  // namespace exogpu::gpu
