// Facts in the name of a model file: its stem, its part number, its quantisation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace exogpu::model {

struct FileName {
  std::string stem;    // without ".gguf" and "-00001-of-00003"
  uint32_t index = 0;  // part number, from 0
  uint32_t parts = 1;
};

// Parses "NAME.gguf" or "NAME-00001-of-00003.gguf", with or without folders. The stem is empty for other endings.
FileName parse_file_name(std::string_view path);

// The inverse: "NAME-00001-of-00003.gguf" for part 0 of 3.
std::string file_name(std::string_view stem, uint32_t index, uint32_t parts);

// Whether `stem` names this quantisation: "Qwen3-0.6B-Q8_0" and "Q8_0/Qwen3" are "q8_0"; "x-Q4_K_M" is not "Q4_K".
bool has_quantisation(std::string_view stem, std::string_view quantisation);

}  // namespace exogpu::model
