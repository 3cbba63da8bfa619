// Checks that the parts of a model file agree: vocabulary, embedding, layers.
#pragma once

#include <string>
#include <vector>

#include "model/gguf.h"

namespace exogpu::model {

// One sentence per contradiction, without the file's name; empty for a sound file. Reads metadata and tensor shapes, no
// weights. A file with only a vocabulary or only weights is sound.
std::vector<std::string> contradictions(const Gguf& file);

}  // namespace exogpu::model
