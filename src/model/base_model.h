// Whether a model was only taught to continue text.
#pragma once

#include <string>

#include "model/gguf.h"

namespace exogpu::model {

// Why this seems to be a base model, which continues text and was not taught to hold a conversation, as a phrase: "it
// has no chat template". Empty when nothing says so.
std::string base_model_sign(const Gguf& file);

}  // namespace exogpu::model
