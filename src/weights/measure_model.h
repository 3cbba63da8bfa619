// Makes the manifest of a model file, which reads all of it.
#pragma once

#include <functional>
#include <stop_token>

#include "model/gguf.h"
#include "weights/manifest.h"

namespace exogpu::weights {

// Called with the bytes done so far and the total. From any thread, one at a time.
using Progress = std::function<void(Bytes done, Bytes total)>;

// Hashes with `threads` threads of its own beside the caller's; 0 for none.
// Errors: cancelled, unavailable (the file changed meanwhile), unsupported (more tensors, longer names than a manifest
// holds).
Result<ModelManifest> manifest_of(const model::Gguf& file, uint32_t threads = 1, const Progress& progress = {},
                                  const std::stop_token& stop = {});

// Checks that the headers of `file` match the manifest: names and positions of the tensors.
// Errors: corrupt, naming the file and the tensor.
Result<void> check_headers(const ModelManifest& manifest, const model::Gguf& file);

}  // namespace exogpu::weights
