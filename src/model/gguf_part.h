// The header of one GGUF file: its metadata and where its tensors lie. The layout is written in gguf.h.
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
  std::vector<TensorInfo> tensors;  // every one inside the file, no name twice, no byte shared; `part` is left 0
};

// Reads the header in `bytes`, a whole file that is called `name` in errors. Takes no memory out of proportion to what
// the file holds.
// Errors: corrupt, unsupported.
Result<GgufPart> parse_gguf_part(std::span<const std::byte> bytes, std::string_view name);

}  // namespace exogpu::model
