// What a file that is not a GGUF seems to be, so that an error can say it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace exogpu::model {

// A phrase with its remedy that goes on from "this is not a GGUF file: ", for example
// "it looks like safetensors; convert it to GGUF first". Reads the first bytes only.
std::string_view describe_foreign_file(std::span<const std::byte> bytes);

}  // namespace exogpu::model
