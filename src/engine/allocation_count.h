// For tests: the number of calls of operator new in the test program.
#pragma once

#include <cstdint>

namespace exogpu::engine {

uint64_t allocation_count();  // of all threads

}  // namespace exogpu::engine
