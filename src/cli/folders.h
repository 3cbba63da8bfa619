// The folders of this user's nodes.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace exogpu::cli {

// `given`, else "exogpu" in $XDG_STATE_HOME or ~/.local/state: the node's identity and the join tokens it issued.
// Errors: failed_precondition if none is known.
Result<std::filesystem::path> state_folder(const std::string& given);

// `given`, else "exogpu" in $XDG_CACHE_HOME or ~/.cache: data that can be fetched again.
Result<std::filesystem::path> cache_folder(const std::string& given);

// "exogpu/config.toml" in $XDG_CONFIG_HOME or ~/.config: defaults of options. Empty if neither folder is known.
std::string config_file();

}  // namespace exogpu::cli
