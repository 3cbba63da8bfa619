// For this room's tests: how often the test program has asked for memory by operator new.
#pragma once

#include <cstdint>

namespace exogpu::engine {

uint64_t allocation_count();  // of all threads

}  // namespace exogpu::engine
