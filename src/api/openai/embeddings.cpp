#include "api/openai/embeddings.h"

#include "api/generation/embedding_call.h"
#include "api/generation/prompt_list.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

std::string list_of(const Embeddings& embeddings, bool base64) {
  json data = json::array();
  for (size_t i = 0; i < embeddings.vectors.size(); ++i) {
    const std::vector<float> vector = normalized(embeddings.vectors[i]);
    data.push_back(
        {{"object", "embedding"}, {"index", i}, {"embedding", base64 ? json(base64_of(vector)) : json(vector)}});
  }
  return dump({{"object", "list"},
               {"data", std::move(data)},
               {"model", embeddings.model},
               {"usage", {{"prompt_tokens", embeddings.tokens}, {"total_tokens", embeddings.tokens}}}});
}

Parsed<bool> read_base64(const Fields& fields) {
  EXO_TRY(const auto format, fields.text("encoding_format"));
  if (!format || *format == "float") return false;
  if (*format == "base64") return true;
  return bad_field("encoding_format", "invalid_value", "must be \"float\" or \"base64\"");
}

}  // namespace

Parsed<Action> openai_embeddings(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EmbeddingCall call;
  EXO_TRY(auto model, fields.text("model"));
  call.model = std::move(model).value_or("");
  EXO_TRY(call.texts, read_prompts(fields, "input", "the texts to embed"));
  EXO_TRY(const auto dimensions, fields.integer("dimensions", 1, INT32_MAX));
  call.options.dimensions = static_cast<uint32_t>(dimensions.value_or(0));
  EXO_TRY(const bool base64, read_base64(fields));
  EXO_TRY(const auto wait, fields.number("wait_s", 0, 3600));
  if (wait) call.wait = std::chrono::milliseconds(static_cast<int64_t>(*wait * 1000));
  call.write = [base64](const Embeddings& embeddings) { return list_of(embeddings, base64); };
  return to_text_call(std::move(call), "input");
}

}  // namespace exogpu::api
