// Ollama's embeddings: /api/embed, and the older /api/embeddings.
#include "api/generation/embedding_call.h"
#include "api/generation/prompt_list.h"
#include "api/ollama/calls.h"

namespace exogpu::api::ollama {

using json = nlohmann::ordered_json;

namespace {

std::string error_line(const ApiError& error) { return dump({{"error", error.message}}); }

std::string whole_reply(const Embeddings& embeddings) {
  json vectors = json::array();
  for (const auto& vector : embeddings.vectors) vectors.push_back(normalized(vector));
  return dump({{"model", embeddings.model},
               {"embeddings", std::move(vectors)},
               {"total_duration", embeddings.took.count()},
               {"load_duration", 0},
               {"prompt_eval_count", embeddings.tokens}});
}

Parsed<EmbeddingCall> read_call(const Fields& fields) {
  EmbeddingCall call;
  call.error = error_line;
  EXO_TRY(auto model, fields.text("model"));
  if (!model || model->empty()) return bad_field("model", "missing_required_parameter", "is missing; name a model");
  call.model = *std::move(model);
  EXO_TRY(const auto truncate, fields.boolean("truncate"));
  call.options.truncate = truncate.value_or(true);
  EXO_TRY(const auto dimensions, fields.integer("dimensions", 0, INT32_MAX));
  call.options.dimensions = static_cast<uint32_t>(dimensions.value_or(0));
  return call;
}

}  // namespace

Parsed<Action> embed(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(EmbeddingCall call, read_call(fields));
  EXO_TRY(call.texts, read_prompts(fields, "input", "the texts to embed"));
  call.write = whole_reply;
  return to_text_call(std::move(call), "input");
}

Parsed<Action> embeddings(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(EmbeddingCall call, read_call(fields));
  EXO_TRY(auto prompt, fields.text("prompt"));
  if (!prompt) return bad_field("prompt", "missing_required_parameter", "is missing; give the text to embed");
  call.texts.emplace_back(*std::move(prompt));
  call.write = [](const Embeddings& done) { return dump({{"embedding", done.vectors.front()}}); };
  return to_text_call(std::move(call), "prompt");
}

}  // namespace exogpu::api::ollama
