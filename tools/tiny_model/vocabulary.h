// The tokenizer and chat template of a tiny model.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/testing/gguf_writer.h"

namespace exogpu::tiny {

// Adds tokenizer.* and the template to `file`; returns how many tokens there are.
// `pre` is the pre-tokenizer's name in GGUF: "gpt-2", "qwen2", "llama-bpe".
uint32_t add_vocabulary(model::testing::GgufWriter& file, std::string_view pre, bool add_bos);

}  // namespace exogpu::tiny
