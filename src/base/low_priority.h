// Threads whose work can wait.
#pragma once

namespace exogpu {

// The calling thread gives way to those that compute answers: these wait for each other at barriers, where one that is
// displaced holds up all. Without effect where the system has no priorities of threads.
void lower_priority();

}  // namespace exogpu
