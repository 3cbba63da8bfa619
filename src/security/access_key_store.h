// The API keys that this node knows, on its disk.
//
//   STATE/access-keys.json    {"cluster": "…", "keys": [{"id": "…", "version": 1, "name": "laptop", "salt": "…",
//   "hash": "…", …}]}
//
// The keys of a cluster that the node belonged to before count for nothing. The file holds no secret that would be of
// use to who reads it; all the same only its owner may read or write it, since who writes it makes keys.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "wire/access_key.h"
#include "wire/node_id.h"

namespace exogpu::security {

// None if the file does not exist, or is that of another cluster. Errors: corrupt, permission_denied, io_error; they
// name the file.
Result<std::vector<wire::AccessKey>> read_access_keys(const std::filesystem::path& state, wire::ClusterId cluster);

// They are on the disk when this returns. Errors: permission_denied, io_error.
Result<void> write_access_keys(const std::filesystem::path& state, wire::ClusterId cluster,
                               const std::vector<wire::AccessKey>& keys);

}  // namespace exogpu::security
