// What the name of a model file says: its stem, which part of a split model it is, how its weights are quantised.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace exogpu::model {

struct FileName {
  std::string stem;    // without ".gguf", of a part also without "-00001-of-00003"
  uint32_t index = 0;  // of the part, from 0
  uint32_t parts = 1;
};

// Of "NAME.gguf" or "NAME-00001-of-00003.gguf", with folders before it or without. An empty stem when it ends in
// something else.
FileName parse_file_name(std::string_view path);

// The other way: "NAME-00001-of-00003.gguf" for part 0 of 3.
std::string file_name(std::string_view stem, uint32_t index, uint32_t parts);

// Whether `stem` says that its weights are `quantisation`: "Qwen3-0.6B-Q8_0" and "Q8_0/Qwen3" are "q8_0"; "x-Q4_K_M" is
// not "Q4_K".
bool has_quantisation(std::string_view stem, std::string_view quantisation);

}  // namespace exogpu::model
