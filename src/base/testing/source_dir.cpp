#include "base/testing/source_dir.h"

namespace exogpu::testing {

std::filesystem::path source_dir() { return EXOGPU_SOURCE_DIR; }

}  // namespace exogpu::testing
