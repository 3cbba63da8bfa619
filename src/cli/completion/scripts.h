// The scripts for completion in shells.
#pragma once

#include <string_view>

namespace exogpu::cli {

// All of them call `exogpu completion words -- WORD...` for the candidates, so they never go out of date.
extern const std::string_view kBashCompletion;
extern const std::string_view kZshCompletion;
extern const std::string_view kFishCompletion;

}  // namespace exogpu::cli
