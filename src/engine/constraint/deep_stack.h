// Calls with more stack than a thread has by default.
#pragma once

#include <functional>

#include "base/result.h"

namespace exogpu::engine {

// Calls `task` on a thread of its own with 256 MiB of stack, of which the system provides what is used, and waits for
// it. llguidance descends as deep as a schema's references lead. Errors: out_of_memory (no such thread).
Result<void> on_deep_stack(const std::function<void()>& task);

}  // namespace exogpu::engine
