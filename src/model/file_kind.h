// Recognises files that are not GGUF, for error messages.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace exogpu::model {

// A phrase with a remedy that continues "this is not a GGUF file: ", for example "it looks like safetensors; convert it
// to GGUF first". Reads only the first bytes.
std::string_view describe_foreign_file(std::span<const std::byte> bytes);

}  // namespace exogpu::model
