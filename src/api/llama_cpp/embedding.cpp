#include "api/llama_cpp/embedding.h"

#include "api/generation/embedding_call.h"
#include "api/generation/prompt_list.h"

namespace exogpu::api::llama_cpp {

using json = nlohmann::ordered_json;

namespace {

// A text has a list of vectors, which is one where the model pools.
std::string list_of(const Embeddings& embeddings, bool normalizes) {
  json list = json::array();
  for (size_t i = 0; i < embeddings.vectors.size(); ++i) {
    const auto& vector = embeddings.vectors[i];
    list.push_back({{"index", i}, {"embedding", json::array({normalizes ? normalized(vector) : vector})}});
  }
  return dump(list);
}

}  // namespace

Parsed<Action> embedding(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EmbeddingCall call;
  EXO_TRY(auto model, fields.text("model"));
  call.model = std::move(model).value_or("");
  const char* field = fields.find("input") ? "input" : "content";
  EXO_TRY(call.texts, read_prompts(fields, field, "the texts to embed"));
  EXO_TRY(const auto normalize, fields.integer("embd_normalize", -1, INT32_MAX));
  if (normalize && *normalize != 2 && *normalize != -1) {
    return bad_field("embd_normalize", "unsupported_parameter", "must be 2 (length 1) or -1 (as the model has it)");
  }
  call.write = [normalizes = normalize != -1](const Embeddings& done) { return list_of(done, normalizes); };
  return to_text_call(std::move(call), field);
}

}  // namespace exogpu::api::llama_cpp
