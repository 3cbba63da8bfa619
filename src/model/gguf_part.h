// The header of one GGUF file: its metadata and its tensors' positions. gguf.h describes the format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/gguf.h"

namespace exogpu::model {

struct GgufPart {
  uint32_t version = 0;
  std::vector<MetaEntry> metadata;  // no key twice
  std::vector<TensorInfo> tensors;  // each inside the file, names unique, no overlaps; `part` is 0
};

// Reads the header of `bytes`, a whole file; `name` is for messages. Uses memory only in proportion to the file's
// content.
// Errors: corrupt, unsupported.
Result<GgufPart> parse_gguf_part(std::span<const std::byte> bytes, std::string_view name);

}  // namespace exogpu::model
