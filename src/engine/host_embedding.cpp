#include "engine/host_embedding.h"

#include <ggml.h>

#include <cstring>

namespace exogpu::engine {

Result<HostEmbedding> HostEmbedding::open(const model::Gguf& file, const Architecture& a) {
  const model::TensorInfo* info = file.find_tensor("token_embd.weight");
  if (info == nullptr) return fail(ErrorCode::corrupt, "{}: tensor token_embd.weight is missing", file.path().string());
  auto type = static_cast<ggml_type>(info->type);
  HostEmbedding e;
  e.file_ = &file;
  e.info_ = info;
  e.convert_ = ggml_get_type_traits(type)->to_float;
  if (e.convert_ == nullptr && type != GGML_TYPE_F32)
    return fail(ErrorCode::unsupported, "{}: tensor token_embd.weight is of type {}, which cannot be looked up",
                file.path().string(), ggml_type_name(type));
  e.table_ = file.data(*info);
  e.row_bytes_ = ggml_row_size(type, a.d_model);
  e.d_model_ = a.d_model;
  return e;
}

void HostEmbedding::look_up(std::span<const model::TokenId> tokens, std::span<float> out) const {
  for (model::TokenId token : tokens) {
    const std::byte* row = table_.data() + static_cast<size_t>(token) * row_bytes_;
    if (convert_ != nullptr)
      convert_(row, out.data(), d_model_);
    else
      std::memcpy(out.data(), row, row_bytes_);
    out = out.subspan(d_model_);
  }
}

}  // namespace exogpu::engine
