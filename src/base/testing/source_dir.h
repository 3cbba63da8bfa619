// The path of the source tree, for tests that read its files.
#pragma once

#include <filesystem>

namespace exogpu::testing {

// The path at the time when the tests were built.
std::filesystem::path source_dir();

}  // namespace exogpu::testing
