#include "cli/chat/history_file.h"

#include <cstdlib>
#include <fstream>

namespace exogpu::cli {

namespace fs = std::filesystem;

std::filesystem::path history_file() {
  fs::path state;
  if (const char* given = std::getenv("XDG_STATE_HOME"); given && fs::path(given).is_absolute()) {
    state = given;
  } else if (const char* home = std::getenv("HOME"); home && *home) {
    state = fs::path(home) / ".local" / "state";
  } else {
    return {};
  }
  std::error_code failed;
  const fs::path folder = state / "exogpu";
  fs::create_directories(folder, failed);
  if (failed) return {};
  fs::path file = folder / "history";
  if (!std::ofstream(file, std::ios::app)) return {};
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, failed);
  return file;
}

}  // namespace exogpu::cli
