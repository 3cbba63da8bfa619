// The ids of nodes and clusters.
#pragma once

#include "wire/hash_id.h"

namespace exogpu::wire {

inline constexpr size_t kKeyHashBytes = 16;

// The first 16 bytes of the SHA-256 of a public key (its SubjectPublicKeyInfo, DER). Another key with the
// same id cannot be created, so the id names the holder of the private key.
template <typename Tag>
using KeyHash = HashId<Tag, kKeyHashBytes>;

using NodeId = KeyHash<struct NodeIdTag>;
using ClusterId = KeyHash<struct ClusterIdTag>;  // of the key of the cluster's authority

}  // namespace exogpu::wire
