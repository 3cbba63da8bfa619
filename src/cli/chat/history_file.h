// Where the chat keeps what was typed.
#pragma once

#include <filesystem>

namespace exogpu::cli {

// exogpu/history in the user's state directory ($XDG_STATE_HOME, else ~/.local/state), made readable for the user
// alone. Empty when there is no such place.
std::filesystem::path history_file();

}  // namespace exogpu::cli
