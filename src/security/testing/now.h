// When the tests of certificates and codes take place.
#pragma once

#include <chrono>

#include "security/certificate.h"

namespace exogpu::security::testing {

inline const WallTime kNow = std::chrono::system_clock::now();

}  // namespace exogpu::security::testing
