// Resolves MODEL: a file, or the name of a model in the models folder.
#pragma once

#include <string>

#include "base/result.h"
#include "model/gguf.h"
#include "model/library.h"

namespace exogpu::cli {

// The models folder: `given`, else that of the environment.
// Errors: failed_precondition if neither is set.
Result<model::Library> models_folder(const std::string& given = {});

// Opens `given`: a file if it exists, else the model of this name, whose time of last use becomes now.
// Errors: not_found, failed_precondition (download incomplete), those of Gguf::open().
Result<model::Gguf> open_model(const std::string& given);

}  // namespace exogpu::cli
