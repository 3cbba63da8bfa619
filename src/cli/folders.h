// The folders that this user's nodes keep things in.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace exogpu::cli {

// `given`, else "exogpu" in $XDG_STATE_HOME or ~/.local/state: who a node is, and the tokens it gave out.
// Errors: failed_precondition when none is known.
Result<std::filesystem::path> state_folder(const std::string& given);

// `given`, else "exogpu" in $XDG_CACHE_HOME or ~/.cache: what can be had again.
Result<std::filesystem::path> cache_folder(const std::string& given);

// "exogpu/config.toml" in $XDG_CONFIG_HOME or ~/.config: what options are when they are not given. Empty when neither
// folder is known.
std::string config_file();

}  // namespace exogpu::cli
