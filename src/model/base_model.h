// Detects base models, which were trained only to continue text.
#pragma once

#include <string>

#include "model/gguf.h"

namespace exogpu::model {

// The reason why this is probably a base model, which continues text and was not trained for conversations, as a
// phrase: "it has no chat template". Empty if nothing indicates it.
std::string base_model_sign(const Gguf& file);

}  // namespace exogpu::model
