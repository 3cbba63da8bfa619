#include "api/anthropic/messages_call.h"

#include "api/anthropic/message_writer.h"
#include "api/generation/linger.h"
#include "api/generation/response_form.h"
#include "api/generation/sampling_fields.h"
#include "api/generation/shortening.h"
#include "api/surface/models.h"

namespace exogpu::api::anthropic {

using json = nlohmann::ordered_json;

namespace {

Parsed<void> refuse_unsupported(const Fields& fields) {
  for (const char* name : {"container", "mcp_servers"}) {
    const json* value = fields.find(name);
    if (value && !value->empty()) {
      return bad_field(name, "unsupported_parameter", "is not supported; leave it out");
    }
  }
  return {};
}

// `output_config.format`, or the older `output_format`: {"type": "json_schema", "schema": ...}
Parsed<std::optional<wire::Constraint>> read_format(const Fields& fields) {
  const json* format = fields.find("output_format");
  if (const json* config = fields.find("output_config"); config && config->is_object()) {
    if (const json* newer = Fields(*config).find("format")) format = newer;
  }
  if (!format) return std::nullopt;
  auto form = read_form(Fields(json{{"response_format", *format}}));
  if (!form) form.error().message = "output_config.format: " + form.error().message;
  return form;
}

// Whether thinking is to be shown.
Parsed<bool> read_thinking(const Fields& fields, Conversation& conversation) {
  const json* thinking = fields.find("thinking");
  bool enabled = false;
  if (thinking && !is_empty_array(*thinking)) {
    if (!thinking->is_object()) {
      return bad_field("thinking", "invalid_type", "must be an object, and is {}", kind(*thinking));
    }
    EXO_TRY(const auto type, Fields(*thinking, "thinking.").text("type"));
    if (type != "enabled" && type != "disabled" && type != "adaptive") {
      return bad_field("thinking.type", "invalid_value", "must be \"enabled\", \"adaptive\" or \"disabled\"");
    }
    enabled = *type != "disabled";
  }
  conversation.template_variables["enable_thinking"] = enabled;
  return enabled;
}

Parsed<void> read_settings(const Fields& fields, uint64_t seed, node::GenerationRequest& request) {
  EXO_CHECK(read_sampling(fields, request, seed));
  EXO_TRY(request.options.stops, read_stops(fields, "stop_sequences"));
  EXO_TRY(request.options.sampling.constraint, read_format(fields));
  EXO_TRY(const auto length, fields.integer("max_tokens", 1, INT32_MAX));
  if (!length) {
    return bad_field("max_tokens", "missing_required_parameter", "is missing; say how long the answer may be");
  }
  request.options.tokens_max = static_cast<uint32_t>(*length);
  return {};
}

struct Read {
  std::string model;
  Conversation conversation;
  bool shows_thinking = false;
};

Parsed<Read> read_request(const Fields& fields) {
  Read read;
  EXO_TRY(auto model, fields.text("model"));
  read.model = std::move(model).value_or("");
  EXO_CHECK(refuse_unsupported(fields));
  EXO_TRY(read.conversation.messages, anthropic::read_messages(fields));
  EXO_CHECK(anthropic::read_tools(fields, read.conversation));
  EXO_TRY(read.shows_thinking, read_thinking(fields, read.conversation));
  return read;
}

}  // namespace

Parsed<Action> messages(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(Read read, read_request(fields));
  TextCall call;
  node::GenerationRequest& request = call.generations.emplace_back();
  request.model = std::move(read.model);
  EXO_CHECK(read_settings(fields, exchange.seed, request));
  request.prompt = to_prompt(read.conversation);
  EXO_TRY(const bool truncates, read_truncation(fields, exchange.limits));
  if (truncates) request.shortening = shortening(std::move(read.conversation));
  EXO_TRY(const auto stream, fields.boolean("stream"));
  call.stream = stream.value_or(false);
  EXO_TRY(call.linger, read_linger(fields, call.stream));
  call.writer = [shows_thinking = read.shows_thinking](const AnswerStart& start) {
    return std::make_unique<MessageWriter>(start, shows_thinking);
  };
  return call;
}

Parsed<Action> count_tokens(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  EXO_TRY(const Read read, read_request(Fields(body)));
  EXO_TRY(auto text, find_text(exchange.service, read.model));
  return Work([text = std::move(text), chat = to_prompt(read.conversation)]() -> Parsed<Reply> {
    const auto prompt = text->encode(chat);
    if (!prompt) return std::unexpected(to_api_error(prompt.error()));
    return Reply{.body = dump({{"input_tokens", prompt->tokens.size()}})};
  });
}

}  // namespace exogpu::api::anthropic
