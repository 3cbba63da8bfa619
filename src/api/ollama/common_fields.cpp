#include "api/generation/linger.h"
#include "api/generation/response_form.h"
#include "api/generation/sampling_fields.h"
#include "api/ollama/calls.h"
#include "api/ollama/keep_alive.h"

namespace exogpu::api::ollama {

using json = nlohmann::ordered_json;

namespace {

Parsed<void> refuse_unless(const Fields& fields, const char* name, std::initializer_list<json> neutral) {
  const json* value = fields.find(name);
  if (!value || std::ranges::find(neutral, *value) != neutral.end()) return {};
  return bad_field(fields.name(name), "unsupported_parameter", "is not supported; leave it out");
}

Parsed<void> read_options(const json& options, node::GenerationRequest& request, uint64_t seed) {
  const Fields fields(options, "options.");
  EXO_CHECK(refuse_unless(fields, "mirostat", {0}));
  EXO_CHECK(refuse_unless(fields, "tfs_z", {1, 1.0}));
  EXO_CHECK(read_sampling(fields, request, seed));
  EXO_TRY(request.options.stops, read_stops(fields, "stop"));
  EXO_TRY(const auto length, fields.integer("num_predict", -2, INT32_MAX));  // below 0: as the context allows
  if (length && *length == 0)
    return bad_field("options.num_predict", "invalid_value", "must be at least 1, or -1, and is 0");
  if (length && *length > 0) request.options.tokens_max = static_cast<uint32_t>(*length);
  return {};
}

// "json", or a schema.
Parsed<std::optional<wire::Constraint>> read_format(const Fields& fields) {
  const json* format = fields.find("format");
  if (!format || *format == json("") || is_empty_array(*format)) return std::nullopt;
  if (*format == json("json")) return read_form(Fields(json{{"response_format", {{"type", "json_object"}}}}));
  if (format->is_object()) return read_form(Fields(json{{"guided_json", *format}}));
  return bad_field("format", "invalid_value", "must be \"json\" or a JSON schema");
}

Parsed<void> read_logprobs(const Fields& fields, node::GenerationRequest& request) {
  EXO_TRY(const auto requested, fields.boolean("logprobs"));
  EXO_TRY(const auto count, fields.integer("top_logprobs", 0, 20));
  if (requested.value_or(false)) request.options.sampling.logprobs = static_cast<uint32_t>(count.value_or(0));
  return {};
}

}  // namespace

Parsed<void> read_common(const Fields& fields, const Exchange& exchange, TextCall& call) {
  node::GenerationRequest& request = call.generations.emplace_back();
  EXO_TRY(auto model, fields.text("model"));
  if (!model || model->empty()) return bad_field("model", "missing_required_parameter", "is missing; name a model");
  request.model = *std::move(model);
  EXO_TRY(request.options.sampling.constraint, read_format(fields));
  EXO_CHECK(refuse_unless(fields, "images", {json::array()}));
  const json none = json::object();
  const json* options = fields.find("options");
  if (options && !options->is_object() && !is_empty_array(*options)) {
    return bad_field("options", "invalid_type", "must be an object, and is {}", kind(*options));
  }
  EXO_CHECK(read_options(options && options->is_object() ? *options : none, request, exchange.seed));
  EXO_CHECK(read_logprobs(fields, request));
  EXO_TRY(request.keep_loaded_s, read_keep_alive(fields));
  EXO_TRY(const auto stream, fields.boolean("stream"));
  call.stream = stream.value_or(true);
  EXO_TRY(call.linger, read_linger(fields, call.stream));
  return {};
}

Parsed<void> read_think(const Fields& fields, Conversation& conversation) {
  const json* think = fields.find("think");
  if (!think) return {};
  if (think->is_boolean()) {
    conversation.template_variables["enable_thinking"] = *think;
  } else if (think->is_string()) {
    conversation.template_variables["enable_thinking"] = true;
    conversation.template_variables["reasoning_effort"] = *think;
  } else {
    return bad_field("think", "invalid_type", "must be a boolean or \"low\", \"medium\" or \"high\", and is {}",
                     kind(*think));
  }
  return {};
}

}  // namespace exogpu::api::ollama
