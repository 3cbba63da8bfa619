// EXO_ASSERT(condition, "what must hold"): for what follows from the program itself, never for input. Checked in every
// build: a false condition is logged with its source location, and the process aborts.
#pragma once

#include <source_location>

namespace exogpu {

[[noreturn]] void assertion_failed(const char* condition, const char* message,
                                   std::source_location where = std::source_location::current());

}  // namespace exogpu

#define EXO_ASSERT(condition, message)                                 \
  do {                                                                 \
    if (!(condition)) ::exogpu::assertion_failed(#condition, message); \
  } while (false)
