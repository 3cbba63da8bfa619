// Small files of sysfs and procfs. Any of them may be missing, unreadable, or have any content.
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

// The text as a single decimal number.
std::optional<int64_t> integer_of(std::string_view text);

// The file's content if it is a single decimal number.
std::optional<int64_t> read_integer(const std::filesystem::path& file);

// The entries of a folder whose names begin with `prefix`, by name; none when it cannot be read.
std::vector<std::filesystem::path> entries(const std::filesystem::path& folder, std::string_view prefix);

}  // namespace exogpu::gpu
