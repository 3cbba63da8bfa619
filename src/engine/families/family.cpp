#include "engine/families/family.h"

#include <array>

namespace exogpu::engine {

std::span<const Family> families() {
  static constexpr std::array all = {
      Family{"llama", describe_llama},
      Family{"llama4", describe_llama4},
      Family{"mistral3", describe_mistral3},
      Family{"smollm3", describe_smollm3},
      Family{"granite", describe_granite},
      Family{"granitemoe", describe_granite_moe},
      Family{"granitehybrid", describe_granite_hybrid},
      Family{"qwen2", describe_qwen2},
      Family{"qwen2moe", describe_qwen2_moe},
      Family{"qwen2vl", describe_qwen2_vl},
      Family{"qwen3", describe_qwen3},
      Family{"qwen3moe", describe_qwen3_moe},
      Family{"qwen3vl", describe_qwen3_vl},
      Family{"qwen3vlmoe", describe_qwen3_vl_moe},
      Family{"qwen3next", describe_qwen3_next},
      Family{"qwen35", describe_qwen35},
      Family{"qwen35moe", describe_qwen35},
      Family{"gemma2", describe_gemma2},
      Family{"gemma3", describe_gemma3},
      Family{"gemma3n", describe_gemma3n},
      Family{"gemma4", describe_gemma4},
      Family{"phi3", describe_phi3},
      Family{"phimoe", describe_phimoe},
      Family{"olmo2", describe_olmo2},
      Family{"gpt-oss", describe_gpt_oss},
      Family{"glm4", describe_glm4},
      Family{"glm4moe", describe_glm4_moe},
      Family{"deepseek2", describe_deepseek2},
      Family{"lfm2", describe_lfm2},
      Family{"lfm2moe", describe_lfm2_moe},
      Family{"nemotron_h", describe_nemotron_h},
      Family{"nemotron_h_moe", describe_nemotron_h},
      Family{"falcon-h1", describe_falcon_h1},
      Family{"cohere2", describe_cohere2},
      Family{"ernie4_5", describe_ernie4_5},
      Family{"ernie4_5-moe", describe_ernie4_5_moe},
      Family{"bailingmoe2", describe_bailingmoe2},
      Family{"hunyuan-dense", describe_hunyuan_dense},
      Family{"hunyuan-moe", describe_hunyuan_moe},
      Family{"seed_oss", describe_seed_oss},
      Family{"bert", describe_bert},
      Family{"nomic-bert", describe_nomic_bert},
      Family{"gemma-embedding", describe_gemma_embedding},
  };
  return all;
}

}  // namespace exogpu::engine
