// JSON files that keep what was measured.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace exogpu::gpu {

// An absent file is an empty object. Errors: io_error; corrupt, when it is no object or larger than 4 MiB.
Result<nlohmann::ordered_json> read_json_file(const std::filesystem::path& file);

// Writes the file whole or not at all, and creates its folder. Errors: io_error.
Result<void> write_json_file(const std::filesystem::path& file, const nlohmann::ordered_json& json);

}  // namespace exogpu::gpu
