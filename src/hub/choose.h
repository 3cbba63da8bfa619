// Selects the files of a repository that `exogpu pull` is to fetch.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hub/listing.h"

namespace exogpu::hub {

// All parts of the one model that `choice` names: a file, any part of a split model, or a quantisation. An empty choice
// selects the only model, or the one in Q4_K_M. Image encoders ("mmproj") are selected by their file name only.
// Errors, which name `repository` and list its models: not_found; invalid_argument when several match; corrupt when
// parts of a split model are missing.
Result<std::vector<RemoteFile>> choose_files(std::span<const RemoteFile> files, const std::string& repository,
                                             const std::string& choice);

}  // namespace exogpu::hub
