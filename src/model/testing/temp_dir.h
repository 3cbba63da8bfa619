#pragma once

#include "base/testing/temp_dir.h"

namespace exogpu::model::testing {

using exogpu::testing::TempDir;

}  // namespace exogpu::model::testing
