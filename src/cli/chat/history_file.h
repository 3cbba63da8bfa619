// Where the chat stores typed lines.
#pragma once

#include <filesystem>

namespace exogpu::cli {

// exogpu/history in the user's state directory ($XDG_STATE_HOME, else ~/.local/state), which is created readable only
// for the user. Empty if there is no such directory.
std::filesystem::path history_file();

}  // namespace exogpu::cli
