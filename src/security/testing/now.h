// The time of certificates and codes in tests.
#pragma once

#include <chrono>

#include "security/certificate.h"

namespace exogpu::security::testing {

inline const WallTime kNow = std::chrono::system_clock::now();

}  // namespace exogpu::security::testing
