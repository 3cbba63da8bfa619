// Returns memory to the operating system, for a long-lived process that sometimes frees much.
#pragma once

namespace exogpu {

// Returns freed memory, as far as the C library can. Takes milliseconds; any thread.
void give_back_freed_memory();

}  // namespace exogpu
