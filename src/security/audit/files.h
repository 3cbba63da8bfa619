// The files of an audit chain. Only for the .cpp files of this folder.
#pragma once

#include <charconv>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::security {

inline constexpr Bytes kAuditFileBytesMax = 64 * MiB;  // far more than a writer lets a file have

std::filesystem::path audit_file(const std::filesystem::path& folder, uint64_t first);

// The number of the first entry, by the file's name; empty where it is no file of a chain.
std::optional<uint64_t> first_of_audit_file(const std::filesystem::path& file);

// Oldest first; none where the folder does not exist. Errors: permission_denied, io_error.
Result<std::vector<std::filesystem::path>> audit_files(const std::filesystem::path& folder);

}  // namespace exogpu::security
