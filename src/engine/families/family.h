// One family of models: how its metadata becomes an Architecture. Adding one is a short file in families/ and a line
// in family.cpp.
#pragma once

#include <span>
#include <string_view>

#include "engine/families/architecture.h"
#include "engine/families/metadata.h"

namespace exogpu::engine {

struct Family {
  std::string_view name;  // general.architecture
  // Sets the values in which the family differs from the common ones.
  Result<void> (*describe)(const Metadata& file, Architecture& a);
};

std::span<const Family> families();

Result<void> describe_llama(const Metadata& file, Architecture& a);
Result<void> describe_granite(const Metadata& file, Architecture& a);
Result<void> describe_qwen2(const Metadata& file, Architecture& a);
Result<void> describe_qwen3(const Metadata& file, Architecture& a);
Result<void> describe_qwen3_moe(const Metadata& file, Architecture& a);
Result<void> describe_gemma2(const Metadata& file, Architecture& a);
Result<void> describe_gemma3(const Metadata& file, Architecture& a);
Result<void> describe_phi3(const Metadata& file, Architecture& a);
Result<void> describe_olmo2(const Metadata& file, Architecture& a);

}  // namespace exogpu::engine
