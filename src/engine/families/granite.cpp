// Granite 3: Llama's block with four scales from the file.
#include "engine/families/family.h"

namespace exogpu::engine {

Result<void> describe_granite(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::adjacent;
  EXO_TRY(a.embedding_scale, file.number_or("embedding_scale", 1.0F));
  EXO_TRY(a.residual_scale, file.number_or("residual_scale", 1.0F));
  EXO_TRY(float attention_scale, file.number_or("attention.scale", 0.0F));
  if (attention_scale != 0.0F) a.attention_scale = attention_scale;
  EXO_TRY(float logit_divisor, file.number_or("logit_scale", 1.0F));
  if (logit_divisor == 0.0F)
    return fail(ErrorCode::corrupt, "{}: {} must not be 0", file.file().path().string(), file.key("logit_scale"));
  a.logit_scale = 1.0F / logit_divisor;
  return {};
}

}  // namespace exogpu::engine
