#include "api/llama_cpp/text_routes.h"

#include "api/generation/token_list.h"
#include "api/openai/call.h"
#include "api/surface/models.h"
#include "api/surface/query.h"
#include "base/utf8.h"
#include "wire/version.h"

namespace exogpu::api::llama_cpp {

using json = nlohmann::ordered_json;

namespace {

using TextPtr = std::shared_ptr<node::ModelText>;

Parsed<TextPtr> text_of(const Fields& fields, const node::Service& service) {
  EXO_TRY(const auto model, fields.text("model"));
  return find_text(service, model.value_or(""));
}

// A token may be part of a character; its bytes are then given as numbers, as llama.cpp does.
json piece(const node::ModelText& text, model::TokenId token) {
  const std::string bytes = text.detokenize({&token, 1}).value_or("");
  if (is_utf8(bytes)) return bytes;
  json numbers = json::array();
  for (const char c : bytes) numbers.push_back(static_cast<unsigned char>(c));
  return numbers;
}

json tokens_json(const node::ModelText& text, std::span<const model::TokenId> tokens, bool with_pieces) {
  json list = json::array();
  for (const model::TokenId token : tokens) {
    if (with_pieces) {
      list.push_back({{"id", token}, {"piece", piece(text, token)}});
    } else {
      list.push_back(token);
    }
  }
  return {{"tokens", std::move(list)}};
}

}  // namespace

Parsed<Action> tokenize(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(auto content, fields.text("content"));
  EXO_TRY(auto add_special, fields.boolean("add_special"));
  if (!content) {
    EXO_TRY(content, fields.text("prompt"));
    EXO_TRY(const auto add_special_tokens, fields.boolean("add_special_tokens"));
    add_special = add_special_tokens.value_or(true);
  }
  if (!content)
    return bad_field("content", "missing_required_parameter", "is missing; give the text to cut into tokens");
  EXO_TRY(const auto parse_special, fields.boolean("parse_special"));
  EXO_TRY(const auto with_pieces, fields.boolean("with_pieces"));
  EXO_TRY(TextPtr text, text_of(fields, exchange.service));
  const model::EncodeOptions options{.add_special = add_special.value_or(false),
                                     .parse_special = parse_special.value_or(true)};
  return Work([text = std::move(text), content = *std::move(content), options,
               pieces = with_pieces.value_or(false)]() -> Parsed<Reply> {
    return Reply{.body = dump(tokens_json(*text, text->tokenize(content, options), pieces))};
  });
}

Parsed<Action> detokenize(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  const json* list = fields.find("tokens");
  if (!list || !list->is_array()) {
    return bad_field("tokens", "invalid_type", "must be an array of token ids, and is {}",
                     list ? kind(*list) : "missing");
  }
  EXO_TRY(auto tokens, read_tokens(*list, "tokens"));
  EXO_TRY(TextPtr text, text_of(fields, exchange.service));
  return Work([text = std::move(text), tokens = std::move(tokens)]() -> Parsed<Reply> {
    const auto content = text->detokenize(tokens);
    if (!content) return std::unexpected(to_api_error(content.error()));
    return Reply{.body = dump({{"content", *content}, {"prompt", *content}})};
  });
}

Parsed<Action> tokenizer_info(const Exchange& exchange) {
  EXO_TRY(const TextPtr text, find_text(exchange.service, query_value(exchange.query, "model")));
  const node::ModelDetails& details = text->details();
  json info = {{"tokenizer_class", "exogpu"}};
  if (!details.bos.empty()) info["bos_token"] = details.bos;
  if (!details.eos.empty()) info["eos_token"] = details.eos;
  if (!details.chat_template.empty()) info["chat_template"] = details.chat_template;
  return Reply{.body = dump(info)};
}

Parsed<Action> apply_template(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(Conversation conversation, read_conversation(fields));
  EXO_TRY(TextPtr text, text_of(fields, exchange.service));
  return Work([text = std::move(text), chat = to_prompt(conversation)]() -> Parsed<Reply> {
    const auto prompt = text->render(chat);
    if (!prompt) return std::unexpected(to_api_error(prompt.error()));
    return Reply{.body = dump({{"prompt", *prompt}})};
  });
}

Parsed<Action> props(const Exchange& exchange) {
  EXO_TRY(const node::ModelEntry model, find_model(exchange.service, query_value(exchange.query, "model")));
  EXO_TRY(const TextPtr text, find_text(exchange.service, model.id));
  const node::ModelDetails& details = text->details();
  const auto cluster = exchange.service.cluster();
  const node::ModelSnapshot* served = cluster->find_model(model.id);
  return Reply{.body = dump({{"default_generation_settings", {{"n_ctx", model.context_tokens}}},
                             {"total_slots", served != nullptr && served->plan ? served->plan->parallel : 1},
                             {"model_alias", model.id},
                             {"model_path", model.id},
                             {"chat_template", details.chat_template},
                             {"bos_token", details.bos},
                             {"eos_token", details.eos},
                             {"modalities", {{"vision", false}, {"audio", false}}},
                             {"build_info", "exogpu " + wire::own_versions().program}})};
}

}  // namespace exogpu::api::llama_cpp
