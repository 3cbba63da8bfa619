// Which files of a repository a person means.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hub/listing.h"

namespace exogpu::hub {

// All parts of the one model that `choice` names: a file, any part of a split model, or a quantisation. An empty choice
// is the only model that there is, else the one in Q4_K_M. What encodes pictures ("mmproj") is chosen by its name only.
// Errors, which name `repository` and what there is: not_found; invalid_argument when several fit; corrupt when parts
// of a split model are missing.
Result<std::vector<RemoteFile>> choose_files(std::span<const RemoteFile> files, const std::string& repository,
                                             const std::string& choice);

}  // namespace exogpu::hub
