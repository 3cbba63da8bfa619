#include "node/model_details.h"

#include "engine/families/architecture.h"
#include "model/summary.h"

namespace exogpu::node {
namespace {

constexpr size_t kArrayMax = 256;
constexpr std::string_view kTemplateKey = "tokenizer.chat_template";

bool is_short(const model::MetaValue& value) {
  const auto* array = std::get_if<model::MetaArray>(&value);
  return !array || std::visit([](const auto& items) { return items.size(); }, *array) <= kArrayMax;
}

}  // namespace

ModelDetails model_details(const model::Gguf& file, const model::Tokenizer& tokenizer, const std::string* replacement) {
  const model::ModelSummary summary = model::summarize(file);
  ModelDetails details{.name = summary.name,
                       .architecture = summary.architecture,
                       .file_type = summary.file_type,
                       .license = summary.license,
                       .parameters = summary.parameters,
                       .weight_bytes = summary.weight_bytes,
                       .context_length = summary.context_length.value_or(0),
                       .width = summary.width.value_or(0),
                       .vocabulary = tokenizer.size(),
                       .chat_template = replacement ? *replacement : file.get_string_or(kTemplateKey, "").value_or(""),
                       .bos = tokenizer.bos() < 0 ? "" : tokenizer.piece(tokenizer.bos(), true),
                       .eos = tokenizer.eos() < 0 ? "" : tokenizer.piece(tokenizer.eos(), true),
                       .infill = tokenizer.infill_tokens().complete()};
  if (const auto architecture = engine::read_architecture(file)) {
    details.embeddings = architecture->gives_embeddings();
    details.embedding_width = details.embeddings ? architecture->embedding_width() : 0;
    details.whole_texts = details.embeddings && architecture->embeds_whole_texts();
  }
  for (const model::MetaEntry& entry : file.metadata()) {
    if (!entry.key.starts_with(kTemplateKey) && is_short(entry.value)) details.metadata.push_back(entry);
  }
  return details;
}

}  // namespace exogpu::node
