// The memory of a process that lives long and now and then frees much.
#pragma once

namespace exogpu {

// Gives what was freed back to the system, as far as the C library can. Takes milliseconds; any thread.
void give_back_freed_memory();

}  // namespace exogpu
