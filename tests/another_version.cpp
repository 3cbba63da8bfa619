// What makes exogpu a program of a later version, which no longer speaks today's protocol (exogpu_of_another_version).
#include "wire/version.h"

namespace exogpu::wire {

Versions own_versions() { return {.program = "900.1.0", .protocol_min = 900, .protocol_max = 901}; }

}  // namespace exogpu::wire
