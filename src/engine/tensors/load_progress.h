// The progress of a load.
#pragma once

#include <functional>

#include "base/units.h"

namespace exogpu::engine {

// Called with the bytes loaded so far and in all. May be called from several threads, one at a time.
using Progress = std::function<void(Bytes done, Bytes total)>;

}  // namespace exogpu::engine
