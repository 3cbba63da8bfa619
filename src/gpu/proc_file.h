// Files of /proc, /sys and control groups that have several lines, or one number. Any of them may be missing,
// unreadable, or have any content.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace exogpu::gpu {

// Up to 100,000 lines; none when the file cannot be read.
std::vector<std::string> read_lines(const std::filesystem::path& file);
// Empty when there is none.
std::string first_line(const std::filesystem::path& file);

// The decimal number at the beginning of the text, after blanks.
std::optional<uint64_t> number(std::string_view text);
// ... of the first line. A limit of a control group that is none ("max") has no number.
std::optional<uint64_t> read_number(const std::filesystem::path& file);

// The value of the line "key: value" or "key value"; empty when there is none.
std::string value_of(const std::vector<std::string>& lines, std::string_view key);

}  // namespace exogpu::gpu
