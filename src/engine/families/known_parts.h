// Of which known parts a model of an unknown architecture seems to be made.
#pragma once

#include <string>

#include "model/gguf.h"

namespace exogpu::engine {

// A sentence for an error message, from the names of the tensors: the parts that are known, and tensors that belong to
// none of them.
std::string parts_of_unknown(const model::Gguf& file);

}  // namespace exogpu::engine
