// Whether the parts of a model file agree with one another: vocabulary, embedding, layers.
#pragma once

#include <string>
#include <vector>

#include "model/gguf.h"

namespace exogpu::model {

// One sentence for each contradiction, without the file's name; empty for a sound file. Reads metadata and tensor
// shapes, no weights. A file that holds only a vocabulary, or only weights, is sound.
std::vector<std::string> contradictions(const Gguf& file);

}  // namespace exogpu::model
