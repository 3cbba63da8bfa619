// The files that a node has of a model: what they are, and their removal from the disk.
#pragma once

#include <filesystem>
#include <vector>

#include "node/library/own_library.h"
#include "weights/cache.h"

namespace exogpu::node {

struct ModelFileList {
  std::vector<std::filesystem::path> files;  // of a model of the cache its folder
  Bytes bytes_freed = 0;                     // that the disk has more without them: none for a link
};

// Reads the disk. Errors: not_found (the files are gone), failed_precondition (the model was given to the node, and is
// none of the models folder; another process uses or downloads it), and those of model::Library.
Result<ModelFileList> files_of(const OwnModel& own, const std::filesystem::path& folder,
                               const weights::WeightCache* cache);

// Removes them and returns what it removed. Errors: also permission_denied, io_error.
Result<ModelFileList> remove_files_of(const OwnModel& own, const std::filesystem::path& folder,
                                      weights::WeightCache* cache);

}  // namespace exogpu::node
