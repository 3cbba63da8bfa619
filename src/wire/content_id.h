// The identity of a model by its content, not by its name.
#pragma once

#include "wire/hash_id.h"

namespace exogpu::wire {

inline constexpr size_t kContentIdBytes = 32;

// The SHA-256 of a model's manifest (weights/manifest.h), which has the SHA-256 of each of its objects. Two files have
// equal ids when their headers and tensors are equal.
using ContentId = HashId<struct ContentIdTag, kContentIdBytes>;

}  // namespace exogpu::wire
