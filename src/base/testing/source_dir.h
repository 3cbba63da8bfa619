// Where the source tree is, for tests that read files of it.
#pragma once

#include <filesystem>

namespace exogpu::testing {

// As it was when the tests were built.
std::filesystem::path source_dir();

}  // namespace exogpu::testing
