// Small files of sysfs and procfs, any of which may be missing, unreadable, or hold anything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace exogpu::gpu {

// The file's text up to 4 KiB, without blanks around it.
std::optional<std::string> read_text(const std::filesystem::path& file);

// The file's text when it is one decimal number and nothing else.
std::optional<int64_t> read_integer(const std::filesystem::path& file);

// The entries of a folder whose names begin with `prefix`, by name; none when it cannot be read.
std::vector<std::filesystem::path> entries(const std::filesystem::path& folder, std::string_view prefix);

}  // namespace exogpu::gpu
