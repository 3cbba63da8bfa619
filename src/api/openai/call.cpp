#include "api/openai/call.h"

#include <algorithm>

#include "api/generation/linger.h"
#include "api/generation/prompt_list.h"
#include "api/generation/shortening.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

// With a suffix, each text is what stands before a gap that the model is to fill.
Parsed<void> add_suffix(const Fields& fields, std::vector<node::Prompt>& prompts) {
  EXO_TRY(const auto suffix, fields.text("suffix"));
  if (!suffix || suffix->empty()) return {};
  for (node::Prompt& prompt : prompts) {
    auto* text = std::get_if<std::string>(&prompt);
    if (!text) return bad_field("suffix", "unsupported_parameter", "needs a prompt that is text, not tokens");
    prompt = node::InfillPrompt{.prefix = std::move(*text), .suffix = *suffix, .start = ""};
  }
  return {};
}

Parsed<void> refuse(const Fields& fields, const char* name, std::string_view remedy) {
  const json* value = fields.find(name);
  if (!value || *value == json(false)) return {};
  return bad_field(name, "unsupported_parameter", "is not supported; {}", remedy);
}

Parsed<void> refuse_unsupported(const Fields& fields, CallKind kind) {
  if (kind == CallKind::chat) {
    EXO_CHECK(refuse(fields, "functions", "give the functions as `tools`"));
    EXO_CHECK(refuse(fields, "audio", "leave it out; answers are text"));
    return {};
  }
  EXO_TRY(const auto best_of, fields.integer("best_of", 1, 128));
  EXO_TRY(const auto n, fields.integer("n", 1, 128));
  if (best_of && *best_of != n.value_or(1)) {
    return bad_field("best_of", "unsupported_parameter", "must equal n; choosing among answers is not supported");
  }
  return {};
}

}  // namespace

Parsed<Conversation> read_conversation(const Fields& fields) {
  Conversation conversation;
  EXO_TRY(conversation.messages, read_messages(fields));
  EXO_TRY(const auto continues, fields.boolean("continue_final_message"));
  conversation.continue_final_message = continues.value_or(true);
  EXO_CHECK(read_tools(fields, conversation));
  json& variables = conversation.template_variables;
  if (const json* more = fields.find("chat_template_kwargs")) {
    if (!more->is_object() && !is_empty_array(*more)) {
      return bad_field("chat_template_kwargs", "invalid_type", "must be an object, and is {}", kind(*more));
    }
    if (more->is_object()) variables = *more;
  }
  EXO_TRY(const auto effort, fields.text("reasoning_effort"));
  if (effort) variables["reasoning_effort"] = *effort;
  return conversation;
}

Parsed<Call> parse_call(CallKind kind, std::string_view body, const CallLimits& limits, uint64_t seed) {
  EXO_TRY(const json object, parse_object(body, limits.json));
  const Fields fields(object);
  Call call;
  call.kind = kind;
  node::GenerationRequest request;
  EXO_TRY(auto model, fields.text("model"));
  if (model) request.model = *std::move(model);
  EXO_CHECK(refuse_unsupported(fields, kind));
  EXO_CHECK(read_options(fields, kind, request, seed));
  call.logprobs = request.options.sampling.logprobs.has_value();
  const json* length = kind == CallKind::completion ? fields.find("max_tokens") : nullptr;
  request.options.only_prompt = length && *length == json(0);
  if (kind == CallKind::completion) {
    EXO_TRY(const auto echo, fields.boolean("echo"));
    request.options.echo = echo.value_or(false);
    EXO_TRY(const auto by_id, fields.boolean("return_tokens_as_token_ids"));
    call.names_tokens_by_id = by_id.value_or(false);
  }

  EXO_TRY(const auto stream, fields.boolean("stream"));
  call.stream = stream.value_or(false);
  EXO_TRY(call.linger, read_linger(fields, call.stream));
  if (const json* options = fields.find("stream_options"); options && !is_empty_array(*options)) {
    if (!options->is_object()) {
      return bad_field("stream_options", "invalid_type", "must be an object, and is {}", api::kind(*options));
    }
    EXO_TRY(const auto usage, Fields(*options, "stream_options.").boolean("include_usage"));
    call.include_usage = call.stream && usage.value_or(false);
  }

  std::vector<node::Prompt> prompts;
  if (kind == CallKind::chat) {
    EXO_TRY(Conversation conversation, read_conversation(fields));
    EXO_TRY(const bool truncates, read_truncation(fields, limits));
    prompts.emplace_back(to_prompt(conversation));
    if (truncates) request.shortening = shortening(std::move(conversation));
  } else {
    EXO_TRY(prompts, read_prompts(fields, "prompt", "the text to go on with"));
    EXO_CHECK(add_suffix(fields, prompts));
  }
  if (prompts.size() * request.answers > limits.answers_max) {
    return bad_field(prompts.size() > 1 ? "prompt" : "n", "invalid_value",
                     "{} answers are asked for at once, and {} is the most; send several requests",
                     prompts.size() * request.answers, limits.answers_max);
  }
  for (node::Prompt& prompt : prompts) {
    call.generations.push_back(request);
    call.generations.back().prompt = std::move(prompt);
  }
  return call;
}

}  // namespace exogpu::api
