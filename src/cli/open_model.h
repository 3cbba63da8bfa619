// What a person means by MODEL: a file, or the name of a model in the models folder.
#pragma once

#include <string>

#include "base/result.h"
#include "model/gguf.h"
#include "model/library.h"

namespace exogpu::cli {

// The models folder: `given`, else that of the environment.
// Errors: failed_precondition when neither names one.
Result<model::Library> models_folder(const std::string& given = {});

// Opens `given`: a file where there is one, else the model of this name, which counts as used from now.
// Errors: not_found, failed_precondition (not fetched to its end), those of Gguf::open().
Result<model::Gguf> open_model(const std::string& given);

}  // namespace exogpu::cli
