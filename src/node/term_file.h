// The highest counter of a term that this node has begun (cluster::Output::persist_counter), on disk.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"

namespace exogpu::node {

// 0 if none was saved. Errors: corrupt, io_error, permission_denied.
Result<uint64_t> read_term_counter(const std::filesystem::path& state);
// It is on the disk when this returns.
Result<void> write_term_counter(const std::filesystem::path& state, uint64_t counter);

}  // namespace exogpu::node
