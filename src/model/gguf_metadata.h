// The metadata entries of a GGUF header.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "model/gguf.h"
#include "model/gguf_header_reader.h"

namespace exogpu::model {

// Reads `count` entries, after reader.plausible() accepted the count. No key occurs twice.
// Errors: corrupt, unsupported.
Result<std::vector<MetaEntry>> read_gguf_metadata(HeaderReader& reader, uint64_t count);

}  // namespace exogpu::model
