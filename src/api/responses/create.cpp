#include "api/responses/create.h"

#include "api/generation/response_form.h"
#include "api/generation/sampling_fields.h"
#include "api/responses/response_writer.h"

namespace exogpu::api::responses {

using json = nlohmann::ordered_json;

namespace {

Parsed<void> refuse_unsupported(const Fields& fields) {
  for (const char* name : {"background", "conversation", "prompt", "top_logprobs"}) {
    const json* value = fields.find(name);
    if (!value || value->empty() || *value == json(false) || *value == json(0)) continue;
    return bad_field(name, "unsupported_parameter", "is not supported; leave it out");
  }
  EXO_TRY(const auto truncation, fields.text("truncation"));
  if (truncation && *truncation != "disabled" && *truncation != "auto") {
    return bad_field("truncation", "invalid_value", "must be \"auto\" or \"disabled\"");
  }
  return {};
}

// {"format": {"type": "json_schema", "name": ..., "schema": ...}}, or another form of the answer.
Parsed<std::optional<wire::Constraint>> read_text_format(const Fields& fields) {
  const json* text = fields.find("text");
  if (!text || is_empty_array(*text)) return std::nullopt;
  if (!text->is_object()) return bad_field("text", "invalid_type", "must be an object, and is {}", kind(*text));
  const json* format = Fields(*text).find("format");
  if (!format) return std::nullopt;
  auto form = read_form(Fields(json{{"response_format", *format}}));
  if (!form) form.error().param = "text.format";
  return form;
}

Parsed<void> read_reasoning(const Fields& fields, Conversation& conversation) {
  const json* reasoning = fields.find("reasoning");
  if (!reasoning || is_empty_array(*reasoning)) return {};
  if (!reasoning->is_object()) {
    return bad_field("reasoning", "invalid_type", "must be an object, and is {}", kind(*reasoning));
  }
  EXO_TRY(const auto effort, Fields(*reasoning, "reasoning.").text("effort"));
  if (!effort) return {};
  conversation.template_variables["enable_thinking"] = *effort != "none";
  if (*effort != "none") conversation.template_variables["reasoning_effort"] = *effort;
  return {};
}

// The messages before those of this request.
Parsed<std::vector<Message>> earlier_messages(const Fields& fields, AnswerStore& answers) {
  EXO_TRY(const auto previous, fields.text("previous_response_id"));
  if (!previous || previous->empty()) return std::vector<Message>();
  const StoredAnswer* stored = answers.find(*previous);
  if (!stored) return std::unexpected(unknown_response("previous_response_id", *previous));
  return stored->messages;
}

// The fields of the request that the response repeats.
json echo(const Fields& fields) {
  const auto field = [&](const char* name, const json& otherwise) {
    const json* value = fields.find(name);
    return value ? *value : otherwise;
  };
  return {{"instructions", field("instructions", nullptr)},
          {"max_output_tokens", field("max_output_tokens", nullptr)},
          {"metadata", field("metadata", json::object())},
          {"parallel_tool_calls", field("parallel_tool_calls", true)},
          {"previous_response_id", field("previous_response_id", nullptr)},
          {"reasoning", field("reasoning", {{"effort", nullptr}, {"summary", nullptr}})},
          {"store", field("store", true)},
          {"temperature", field("temperature", nullptr)},
          {"text", field("text", {{"format", {{"type", "text"}}}})},
          {"tool_choice", field("tool_choice", "auto")},
          {"tools", field("tools", json::array())},
          {"top_p", field("top_p", nullptr)},
          {"truncation", "disabled"},
          {"user", field("user", nullptr)}};
}

Parsed<void> read_settings(const Fields& fields, uint64_t seed, node::GenerationRequest& request) {
  EXO_TRY(auto model, fields.text("model"));
  request.model = std::move(model).value_or("");
  EXO_CHECK(read_sampling(fields, request, seed));
  EXO_TRY(request.options.sampling.constraint, read_text_format(fields));
  EXO_TRY(const auto length, fields.integer("max_output_tokens", 1, INT32_MAX));
  request.options.tokens_max = static_cast<uint32_t>(length.value_or(0));
  return {};
}

}  // namespace

ApiError unknown_response(std::string_view field, std::string_view id) {
  return {
      .status = 404,
      .message = std::format("there is no response {}: it was not stored, or has made room for newer ones; send the "
                             "whole conversation as `input`",
                             dump(id.substr(0, 200))),
      .param = std::string(field),
      .code = "previous_response_not_found"};
}

Parsed<Action> create(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_CHECK(refuse_unsupported(fields));
  TextCall call;
  node::GenerationRequest& request = call.generations.emplace_back();
  EXO_CHECK(read_settings(fields, exchange.seed, request));

  EXO_TRY(std::vector<Message> messages, earlier_messages(fields, exchange.answers));
  EXO_TRY(const std::vector<Message> input, read_input(fields));
  messages.insert(messages.end(), input.begin(), input.end());
  Conversation conversation{.messages = messages};
  EXO_TRY(auto instructions, fields.text("instructions"));
  if (instructions && !instructions->empty()) {
    conversation.messages.insert(conversation.messages.begin(), {.role = "system", .text = *std::move(instructions)});
  }
  EXO_CHECK(responses::read_tools(fields, conversation));
  EXO_CHECK(read_reasoning(fields, conversation));
  request.prompt = to_prompt(conversation);

  EXO_TRY(const auto stream, fields.boolean("stream"));
  call.stream = stream.value_or(false);
  EXO_TRY(const auto stores, fields.boolean("store"));
  AnswerStore* store = stores.value_or(true) ? &exchange.answers : nullptr;
  call.writer = [messages = std::move(messages), settings = echo(fields), store](const AnswerStart& start) {
    return std::make_unique<ResponseWriter>(start, settings, messages, store);
  };
  return call;
}

}  // namespace exogpu::api::responses
