// Looks token embeddings up on the host, for devices whose kernels cannot do it.
#pragma once

#include <span>

#include "base/result.h"
#include "engine/families/architecture.h"
#include "model/gguf.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::engine {

class HostEmbedding {
 public:
  // Borrows the file. Errors: unsupported (a type that cannot be converted to floats).
  static Result<HostEmbedding> open(const model::Gguf& file, const Architecture& a);
  // Tokens must be inside the vocabulary. `out` is [tokens, d_model].
  void look_up(std::span<const model::TokenId> tokens, std::span<float> out) const;
  // Gives back what the process has of the file's pages.
  void release() const { file_->release(*info_); }

 private:
  const model::Gguf* file_ = nullptr;
  const model::TensorInfo* info_ = nullptr;
  std::span<const std::byte> table_;
  size_t row_bytes_ = 0;
  uint32_t d_model_ = 0;
  void (*convert_)(const void* row, float* out, int64_t n) = nullptr;  // null: the rows are floats already
};

}  // namespace exogpu::engine
