// What a user gave this node while it ran, on disk: its name and its limits.
//
// A node has the name that it was given last: by --name (or by its machine) at a start, or by `exogpu rename` while it
// ran. So the file has what --name said when it was renamed, and another --name counts again. So do other limits by
// options.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "wire/owner_limits.h"

namespace exogpu::node {

// The name of a node that starts. `option`: --name; empty: none was given. Errors: invalid_argument (the option),
// corrupt, io_error, permission_denied.
Result<std::string> own_name(const std::filesystem::path& state, const std::string& option);
// It is on the disk when this returns. Errors: io_error, permission_denied.
Result<void> keep_name(const std::filesystem::path& state, const std::string& name, const std::string& option);

// The limits of a node that starts, and `options` as they were given. Errors: as above.
Result<wire::OwnerLimits> own_limits(const std::filesystem::path& state, const wire::OwnerLimits& options);
Result<void> keep_limits(const std::filesystem::path& state, const wire::OwnerLimits& limits,
                         const wire::OwnerLimits& options);

}  // namespace exogpu::node
