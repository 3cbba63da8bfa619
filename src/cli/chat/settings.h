// The settings of /set, by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/chat/chat_backend.h"

namespace exogpu::cli {

struct SettingLine {
  std::string_view name;
  std::string value;
  std::string_view help;
};

// Every setting in a fixed order.
std::vector<SettingLine> list_settings(const ChatSettings& settings);

// "top-p" also names top_p. The value "default" restores that of `defaults`.
// Errors: invalid_argument (no such setting, or a value outside its range); then nothing is changed.
Result<void> change_setting(ChatSettings& settings, std::string_view name, std::string_view value,
                            const ChatSettings& defaults);

// Errors: invalid_argument (no such setting).
Result<SettingLine> find_setting(const ChatSettings& settings, std::string_view name);

}  // namespace exogpu::cli
