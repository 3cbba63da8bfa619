// How the parts of a split model are named and what each says about itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "model/gguf_part.h"

namespace exogpu::model {

// What metadata split.* of one part says.
struct SplitInfo {
  uint32_t index = 0;               // from 0
  uint32_t count = 1;               // parts of the model; 1 for a single file
  std::optional<uint64_t> tensors;  // of all parts together
};

// A file without split.* is the only part. Errors: corrupt.
Result<SplitInfo> split_info(const GgufPart& part, std::string_view name);

// "dir/NAME-00002-of-00003.gguf", any part of it, to the path of part `index` (from 0).
// Errors: invalid_argument when the name does not have this form or does not say part `info.index` of `info.count`.
Result<std::filesystem::path> split_path(const std::filesystem::path& any_part, const SplitInfo& info, uint32_t index);

}  // namespace exogpu::model
