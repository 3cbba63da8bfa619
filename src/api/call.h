// A request for text, read from the body of /v1/chat/completions or /v1/completions.
//
// Fields that are not known are ignored. Known ones of a wrong type or value are refused, and so are those that would
// change the answer and that nothing here can do (response_format, echo, ...): a client must not think it got them.
// What a request leaves out is as in engine::SamplerSettings; the seed is drawn at random then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/api_error.h"
#include "api/json_body.h"
#include "node/service.h"

namespace exogpu::api {

enum class CallKind { chat, completion };

struct Call {
  CallKind kind = CallKind::chat;
  // One for each prompt; only the prompts differ. `model` is empty where the request names none.
  std::vector<node::GenerationRequest> generations;
  bool stream = false;
  bool include_usage = false;  // a last chunk with the usage, in a stream
  bool logprobs = false;
  bool only_prompt = false;  // max_tokens is 0: one token is generated and not sent

  uint32_t answers() const { return static_cast<uint32_t>(generations.size()) * generations.front().answers; }
};

struct CallLimits {
  JsonLimits json;
  uint32_t answers_max = 32;
};

// `seed` is taken where the request has none.
Parsed<Call> parse_call(CallKind kind, std::string_view body, const CallLimits& limits, uint64_t seed);

// The fields that both kinds share: sampling, lengths, stops, n.
Parsed<void> read_options(const Fields& fields, CallKind kind, node::GenerationRequest& request, uint64_t seed);

// The array of messages as a template takes it: contents are strings, "developer" is "system".
Parsed<nlohmann::ordered_json> read_messages(const Fields& fields);

// The array of tools as it came; empty where there is none or tool_choice is "none".
Parsed<std::string> read_tools(const Fields& fields);

}  // namespace exogpu::api
