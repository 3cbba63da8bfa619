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

Result<void> describe_bailingmoe2(const Metadata& file, Architecture& a);
Result<void> describe_bert(const Metadata& file, Architecture& a);
Result<void> describe_nomic_bert(const Metadata& file, Architecture& a);
Result<void> describe_gemma_embedding(const Metadata& file, Architecture& a);
Result<void> describe_cohere2(const Metadata& file, Architecture& a);
Result<void> describe_deepseek2(const Metadata& file, Architecture& a);
Result<void> describe_ernie4_5(const Metadata& file, Architecture& a);
Result<void> describe_ernie4_5_moe(const Metadata& file, Architecture& a);
Result<void> describe_falcon_h1(const Metadata& file, Architecture& a);
Result<void> describe_gemma2(const Metadata& file, Architecture& a);
Result<void> describe_gemma3(const Metadata& file, Architecture& a);
Result<void> describe_gemma3n(const Metadata& file, Architecture& a);
Result<void> describe_gemma4(const Metadata& file, Architecture& a);
Result<void> describe_glm4(const Metadata& file, Architecture& a);
Result<void> describe_glm4_moe(const Metadata& file, Architecture& a);
Result<void> describe_gpt_oss(const Metadata& file, Architecture& a);
Result<void> describe_granite(const Metadata& file, Architecture& a);
Result<void> describe_granite_moe(const Metadata& file, Architecture& a);
Result<void> describe_granite_hybrid(const Metadata& file, Architecture& a);
Result<void> describe_hunyuan_dense(const Metadata& file, Architecture& a);
Result<void> describe_hunyuan_moe(const Metadata& file, Architecture& a);
Result<void> describe_lfm2(const Metadata& file, Architecture& a);
Result<void> describe_lfm2_moe(const Metadata& file, Architecture& a);
Result<void> describe_llama(const Metadata& file, Architecture& a);
Result<void> describe_llama4(const Metadata& file, Architecture& a);
Result<void> describe_mistral3(const Metadata& file, Architecture& a);
Result<void> describe_nemotron_h(const Metadata& file, Architecture& a);
Result<void> describe_olmo2(const Metadata& file, Architecture& a);
Result<void> describe_phi3(const Metadata& file, Architecture& a);
Result<void> describe_phimoe(const Metadata& file, Architecture& a);
Result<void> describe_qwen2(const Metadata& file, Architecture& a);
Result<void> describe_qwen2_moe(const Metadata& file, Architecture& a);
Result<void> describe_qwen2_vl(const Metadata& file, Architecture& a);
Result<void> describe_qwen3(const Metadata& file, Architecture& a);
Result<void> describe_qwen3_moe(const Metadata& file, Architecture& a);
Result<void> describe_qwen3_vl(const Metadata& file, Architecture& a);
Result<void> describe_qwen3_vl_moe(const Metadata& file, Architecture& a);
Result<void> describe_qwen3_next(const Metadata& file, Architecture& a);
Result<void> describe_qwen35(const Metadata& file, Architecture& a);
Result<void> describe_seed_oss(const Metadata& file, Architecture& a);
Result<void> describe_smollm3(const Metadata& file, Architecture& a);

}  // namespace exogpu::engine
