#include "cli/folders.h"

#include <cstdlib>

namespace exogpu::cli {
namespace {

Result<std::filesystem::path> folder(const std::string& given, const char* variable, const char* in_home,
                                     std::string_view option) {
  if (!given.empty()) return std::filesystem::absolute(given);
  for (const auto& [name, below] : {std::pair(variable, ""), std::pair("HOME", in_home)}) {
    const char* value = std::getenv(name);
    const std::filesystem::path root = value == nullptr ? "" : value;
    if (root.is_absolute()) return root / below / "exogpu";
  }
  return fail(ErrorCode::failed_precondition, "neither ${} nor $HOME is set; name a folder with {}", variable, option);
}

}  // namespace

Result<std::filesystem::path> state_folder(const std::string& given) {
  return folder(given, "XDG_STATE_HOME", ".local/state", "--state");
}

Result<std::filesystem::path> cache_folder(const std::string& given) {
  return folder(given, "XDG_CACHE_HOME", ".cache", "--cache");
}

std::string config_file() {
  const auto found = folder({}, "XDG_CONFIG_HOME", ".config", "--config");
  return found ? (*found / "config.toml").string() : std::string();
}

}  // namespace exogpu::cli
