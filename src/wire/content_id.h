// Which model it is, by what it holds and not by its name.
#pragma once

#include "wire/hash_id.h"

namespace exogpu::wire {

inline constexpr size_t kContentIdBytes = 32;

// The SHA-256 of a model's manifest (weights/manifest.h), which holds the SHA-256 of each of its parts. Two files have
// the same one when every byte that matters is the same.
using ContentId = HashId<struct ContentIdTag, kContentIdBytes>;

}  // namespace exogpu::wire
