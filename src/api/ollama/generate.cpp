#include "api/ollama/answer_lines.h"
#include "api/ollama/calls.h"

namespace exogpu::api::ollama {

using json = nlohmann::ordered_json;

namespace {

Parsed<void> refuse_unsupported(const Fields& fields) {
  if (const json* given = fields.find("template"); given && *given != json("")) {
    return bad_field("template", "unsupported_parameter",
                     "is not supported; set \"raw\" and write the whole prompt yourself");
  }
  if (const json* context = fields.find("context"); context && !context->empty()) {
    return bad_field("context", "unsupported_parameter",
                     "is not supported; send the conversation to /api/chat, whose prefix is not computed again");
  }
  return {};
}

Parsed<node::Prompt> read_prompt(const Fields& fields, std::string text) {
  EXO_TRY(const auto raw, fields.boolean("raw"));
  EXO_TRY(auto suffix, fields.text("suffix"));
  EXO_TRY(auto system, fields.text("system"));
  if (suffix && !suffix->empty()) {
    return node::InfillPrompt{.prefix = std::move(text), .suffix = *std::move(suffix), .start = ""};
  }
  if (raw.value_or(false)) return text;
  Conversation conversation;
  if (system && !system->empty()) conversation.messages.push_back({.role = "system", .text = *std::move(system)});
  conversation.messages.push_back({.role = "user", .text = std::move(text)});
  EXO_CHECK(read_think(fields, conversation));
  return to_prompt(conversation);
}

}  // namespace

Parsed<Action> generate(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  TextCall call;
  EXO_CHECK(read_common(fields, exchange, call));
  EXO_CHECK(refuse_unsupported(fields));
  EXO_TRY(auto text, fields.text("prompt"));
  if (!text || text->empty()) return only_load(fields, exchange, AnswerForm::generate);
  EXO_TRY(call.generations.front().prompt, read_prompt(fields, *std::move(text)));
  call.writer = [](const AnswerStart& start) {
    return std::make_unique<AnswerLines>(AnswerForm::generate, start.model);
  };
  return call;
}

}  // namespace exogpu::api::ollama
