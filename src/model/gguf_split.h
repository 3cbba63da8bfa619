// The names of the parts of a split model, and their metadata.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "model/gguf_part.h"

namespace exogpu::model {

// The metadata split.* of one part.
struct SplitInfo {
  uint32_t index = 0;               // from 0
  uint32_t count = 1;               // parts of the model; 1 for a single file
  std::optional<uint64_t> tensors;  // of all parts together
};

// Without split.*, the file is the only part. Errors: corrupt.
Result<SplitInfo> split_info(const GgufPart& part, std::string_view name);

// The path of part `index` (from 0), from that of any part: "dir/NAME-00002-of-00003.gguf".
// Errors: invalid_argument, if the name does not have this form or is not that of part `info.index` of `info.count`.
Result<std::filesystem::path> split_path(const std::filesystem::path& any_part, const SplitInfo& info, uint32_t index);

}  // namespace exogpu::model
