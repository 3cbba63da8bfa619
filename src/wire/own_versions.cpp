// By itself, so that a test can link the whole program as one of another version.
#include "wire/version.h"

namespace exogpu::wire {

Versions own_versions() { return {.program = EXOGPU_VERSION, .protocol_min = 2, .protocol_max = 2}; }

}  // namespace exogpu::wire
