#include <chrono>

#include "api/generation/response_form.h"
#include "api/generation/sampling_fields.h"
#include "api/generation/unsupported_fields.h"
#include "api/openai/call.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

Parsed<std::optional<uint32_t>> read_logprobs(const Fields& fields, CallKind kind) {
  if (kind == CallKind::completion) {
    EXO_TRY(const auto count, fields.integer("logprobs", 0, 20));
    if (!count) return std::nullopt;
    return static_cast<uint32_t>(*count);
  }
  EXO_TRY(const auto requested, fields.boolean("logprobs"));
  EXO_TRY(const auto count, fields.integer("top_logprobs", 0, 20));
  if (!requested.value_or(false)) {
    if (count.value_or(0) > 0) return bad_field("top_logprobs", "invalid_value", "needs logprobs to be true");
    return std::nullopt;
  }
  return static_cast<uint32_t>(count.value_or(0));
}

// 0: no limit but the context. -1 means the same, as with other servers. A completion of no tokens is made as one of
// one token (GenerateOptions::only_prompt).
Parsed<uint32_t> read_length(const Fields& fields, CallKind kind) {
  EXO_TRY(auto length, fields.integer("max_tokens", -1, INT32_MAX));
  const char* name = "max_tokens";
  if (kind == CallKind::chat) {
    EXO_TRY(const auto newer, fields.integer("max_completion_tokens", -1, INT32_MAX));
    if (newer) {
      length = newer;
      name = "max_completion_tokens";
    }
  }
  if (!length) return kind == CallKind::completion ? 16u : 0u;  // 16 as OpenAI has it
  if (*length == 0 && kind == CallKind::completion) return 1u;
  if (*length == 0) return bad_field(name, "invalid_value", "must be at least 1, or -1 for no limit, and is 0");
  return *length < 0 ? 0u : static_cast<uint32_t>(*length);
}

}  // namespace

Parsed<void> read_options(const Fields& fields, CallKind kind, node::GenerationRequest& request, uint64_t seed) {
  engine::SamplerSettings& sampling = request.options.sampling;
  EXO_CHECK(refuse_unsupported_fields(fields));
  EXO_CHECK(read_sampling(fields, request, seed));
  EXO_TRY(sampling.logprobs, read_logprobs(fields, kind));
  EXO_TRY(sampling.constraint, read_form(fields));

  EXO_TRY(request.options.tokens_max, read_length(fields, kind));
  EXO_TRY(request.options.stops, read_stops(fields, "stop"));
  EXO_TRY(const auto ignore_end, fields.boolean("ignore_eos"));
  request.options.ignore_end = ignore_end.value_or(false);
  EXO_TRY(const auto cached, fields.boolean("cache_prompt"));
  request.options.computes_afresh = !cached.value_or(true);
  EXO_TRY(const auto wait, fields.number("wait_s", 0, 3600));
  if (wait) request.wait = std::chrono::milliseconds(static_cast<int64_t>(*wait * 1000));
  EXO_TRY(const auto n, fields.integer("n", 1, 128));
  request.answers = static_cast<uint32_t>(n.value_or(1));
  return {};
}

}  // namespace exogpu::api
