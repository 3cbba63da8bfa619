// What a model's file says about it, for clients that ask.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "model/gguf.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::node {

struct ModelDetails {
  std::string name{}, architecture{};  // empty if the file does not say
  std::string file_type{};             // "Q4_K_M"
  std::string license{};
  uint64_t parameters = 0;
  Bytes weight_bytes = 0;
  uint64_t context_length = 0;  // of the training; 0: unknown
  uint64_t width = 0;           // values per token; 0: unknown
  uint32_t vocabulary = 0;
  std::string chat_template{};   // empty: the file has none
  std::string bos{}, eos{};      // texts of these tokens
  bool infill = false;           // has the tokens to fill in the middle of a text
  bool embeddings = false;       // gives embeddings of texts, and writes none
  bool whole_texts = false;      // of texts that must each come in one batch
  uint32_t embedding_width = 0;  // values of an embedding
  // Without the chat template and without arrays that have an entry for each token.
  std::vector<model::MetaEntry> metadata{};
};

// `replacement`: the chat template to use instead of the file's; null: none.
ModelDetails model_details(const model::Gguf& file, const model::Tokenizer& tokenizer, const std::string* replacement);

}  // namespace exogpu::node
