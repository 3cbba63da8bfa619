// The scripts that make a shell complete the program's command lines.
#pragma once

#include <string_view>

namespace exogpu::cli {

// All ask `exogpu completion words -- WORD...` for the candidates, so that they never grow old.
extern const std::string_view kBashCompletion;
extern const std::string_view kZshCompletion;
extern const std::string_view kFishCompletion;

}  // namespace exogpu::cli
