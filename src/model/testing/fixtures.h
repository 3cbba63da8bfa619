// The folder of recorded models and answers that are too large for the source tree.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/testing/source_dir.h"

namespace exogpu::model::testing {

// $EXOGPU_FIXTURES, else `shared/fixtures` beside or above the source tree. Empty if there is none; then the test skips
// itself.
inline std::optional<std::filesystem::path> fixtures_dir() {
  std::error_code none;
  if (const char* given = std::getenv("EXOGPU_FIXTURES")) {
    if (std::filesystem::is_directory(given, none)) return given;
    return std::nullopt;
  }
  for (std::filesystem::path dir = exogpu::testing::source_dir(); dir.has_relative_path(); dir = dir.parent_path()) {
    if (auto found = dir.parent_path() / "shared" / "fixtures"; std::filesystem::is_directory(found, none))
      return found;
  }
  return std::nullopt;
}

}  // namespace exogpu::model::testing
