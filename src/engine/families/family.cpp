#include "engine/families/family.h"

#include <array>

namespace exogpu::engine {

std::span<const Family> families() {
  static constexpr std::array all = {
      Family{"llama", describe_llama},   Family{"granite", describe_granite},    Family{"qwen2", describe_qwen2},
      Family{"qwen3", describe_qwen3},   Family{"qwen3moe", describe_qwen3_moe}, Family{"gemma2", describe_gemma2},
      Family{"gemma3", describe_gemma3}, Family{"phi3", describe_phi3},          Family{"olmo2", describe_olmo2},
  };
  return all;
}

}  // namespace exogpu::engine
