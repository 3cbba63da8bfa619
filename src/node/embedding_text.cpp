#include "node/embedding_text.h"

#include <algorithm>

namespace exogpu::node {

Result<void> check_purpose(const GenerationRequest& request, const ModelDetails& details, std::string_view model) {
  if (request.embedding.has_value() == details.embeddings) {
    if (!request.embedding || request.embedding->dimensions <= details.embedding_width) return {};
    return fail(ErrorCode::invalid_argument, "{} dimensions are asked for, and an embedding of the model \"{}\" has {}",
                request.embedding->dimensions, model, details.embedding_width);
  }
  if (details.embeddings) {
    return fail(ErrorCode::invalid_argument,
                "the model \"{}\" gives embeddings and writes no text; ask it for embeddings (/v1/embeddings)", model);
  }
  return fail(ErrorCode::invalid_argument,
              "the model \"{}\" writes text and was not made for embeddings; load a model for embeddings, such as "
              "EmbeddingGemma, Nomic Embed or Qwen3-Embedding",
              model);
}

Result<EncodedPrompt> text_to_embed(ModelText& text, const GenerationRequest& request, const TextLimits& limits) {
  if (std::holds_alternative<model::ChatRequest>(request.prompt) ||
      std::holds_alternative<InfillPrompt>(request.prompt)) {
    return fail(ErrorCode::invalid_argument, "an embedding is that of a text or of tokens");
  }
  EXO_TRY(EncodedPrompt prompt, text.encode(request.prompt));
  const bool whole = text.details().whole_texts;
  const size_t most = whole ? std::min(limits.context, limits.batch) : limits.context;
  std::vector<model::TokenId>& tokens = prompt.tokens;
  if (tokens.size() <= most) return prompt;
  if (request.embedding->truncate) {
    tokens.erase(tokens.begin() + static_cast<ptrdiff_t>(most) - 1, tokens.end() - 1);
    return prompt;
  }
  const bool by_batch = whole && limits.batch < limits.context;
  return fail(ErrorCode::resource_exhausted,
              "the text has {} tokens, and the model takes at most {} {}; shorten it, or serve the model with a larger "
              "{} ({})",
              tokens.size(), most, by_batch ? "at once, in a batch" : "in its context", by_batch ? "batch" : "context",
              by_batch ? "--batch" : "--context");
}

}  // namespace exogpu::node
