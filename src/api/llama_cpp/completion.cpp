#include "api/llama_cpp/completion.h"

#include "api/generation/response_form.h"
#include "api/generation/sampling_fields.h"
#include "api/generation/token_list.h"
#include "api/llama_cpp/completion_writer.h"

namespace exogpu::api::llama_cpp {

using json = nlohmann::ordered_json;

namespace {

// Absent, null, false, 0 and what is empty ask for nothing.
Parsed<void> refuse_unless_empty(const Fields& fields, const char* name) {
  const json* value = fields.find(name);
  if (!value || value->empty() || *value == json("") || *value == json(false) || *value == json(0)) return {};
  return bad_field(name, "unsupported_parameter", "is not supported; leave it out");
}

Parsed<void> refuse_unsupported(const Fields& fields) {
  for (const char* name : {"mirostat", "lora", "image_data", "n_probs", "n_indent"}) {
    EXO_CHECK(refuse_unless_empty(fields, name));
  }
  return {};
}

// All of a request but its prompt.
Parsed<TextCall> read_call(const Fields& fields, const Exchange& exchange) {
  EXO_CHECK(refuse_unsupported(fields));
  node::GenerationRequest request;
  EXO_TRY(auto model, fields.text("model"));
  if (model) request.model = *std::move(model);
  EXO_CHECK(read_sampling(fields, request, exchange.seed));
  EXO_TRY(request.options.sampling.constraint, read_form(fields));
  EXO_TRY(request.options.stops, read_stops(fields, "stop"));
  EXO_TRY(const auto length, fields.integer("n_predict", -2, INT32_MAX));  // -1, -2: as long as the context allows
  if (length && *length == 0) return bad_field("n_predict", "invalid_value", "must be at least 1, or -1, and is 0");
  if (length && *length > 0) request.options.tokens_max = static_cast<uint32_t>(*length);
  EXO_TRY(const auto ignore_end, fields.boolean("ignore_eos"));
  request.options.ignore_end = ignore_end.value_or(false);
  EXO_TRY(const auto tokens, fields.boolean("return_tokens"));
  const bool return_tokens = tokens.value_or(false);
  if (return_tokens) request.options.sampling.logprobs = 0;  // reports each token, without other candidates
  EXO_TRY(const auto cached, fields.boolean("cache_prompt"));
  request.options.computes_afresh = !cached.value_or(true);
  TextCall call;
  EXO_TRY(const auto stream, fields.boolean("stream"));
  call.stream = stream.value_or(false);
  call.generations.push_back(std::move(request));
  call.writer = [return_tokens](const AnswerStart& start) {
    return std::make_unique<CompletionWriter>(start.model, return_tokens);
  };
  return call;
}

Parsed<std::vector<node::InfillPrompt::File>> read_files(const Fields& fields) {
  std::vector<node::InfillPrompt::File> files;
  const json* list = fields.find("input_extra");
  if (!list) return files;
  if (!list->is_array()) return bad_field("input_extra", "invalid_type", "must be an array, and is {}", kind(*list));
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string name = std::format("input_extra[{}]", i);
    const json& item = (*list)[i];
    if (!item.is_object()) return bad_field(name, "invalid_type", "must be an object, and is {}", kind(item));
    const Fields file(item, name + ".");
    EXO_TRY(auto filename, file.text("filename"));
    EXO_TRY(auto text, file.text("text"));
    if (!text) return bad_field(file.name("text"), "missing_required_parameter", "is missing");
    files.push_back({.name = filename.value_or("file"), .text = *std::move(text)});
  }
  return files;
}

}  // namespace

Parsed<Action> completion(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(TextCall call, read_call(fields, exchange));
  const json* prompt = fields.find("prompt");
  if (!prompt) return bad_field("prompt", "missing_required_parameter", "is missing; give the text to go on with");
  if (prompt->is_string()) {
    call.generations.front().prompt = prompt->get<std::string>();
  } else if (prompt->is_array() && !prompt->empty()) {
    EXO_TRY(call.generations.front().prompt, read_tokens(*prompt, "prompt"));
  } else {
    return bad_field("prompt", "invalid_type", "must be a string or an array of token ids, and is {}", kind(*prompt));
  }
  return call;
}

Parsed<Action> infill(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(TextCall call, read_call(fields, exchange));
  EXO_TRY(auto prefix, fields.text("input_prefix"));
  EXO_TRY(auto suffix, fields.text("input_suffix"));
  if (!prefix || !suffix) {
    return bad_field(prefix ? "input_suffix" : "input_prefix", "missing_required_parameter",
                     "is missing; give the text {} the gap", prefix ? "behind" : "before");
  }
  EXO_TRY(auto start, fields.text("prompt"));
  EXO_TRY(auto files, read_files(fields));
  call.generations.front().prompt = node::InfillPrompt{.prefix = *std::move(prefix),
                                                       .suffix = *std::move(suffix),
                                                       .start = std::move(start).value_or(""),
                                                       .files = std::move(files)};
  return call;
}

}  // namespace exogpu::api::llama_cpp
