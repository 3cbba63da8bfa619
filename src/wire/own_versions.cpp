// A file of its own, so that a test can link the program with other versions.
#include "wire/version.h"

namespace exogpu::wire {

Versions own_versions() { return {.program = EXOGPU_VERSION, .protocol_min = 5, .protocol_max = 5}; }

}  // namespace exogpu::wire
