// A request for text, read from the body of /v1/chat/completions or /v1/completions.
//
// Unknown fields are ignored. Known fields of a wrong type or value are refused, and so are fields that would change
// the answer and are not supported (best_of, ...), so that no client believes that they had an effect.
// Absent fields have the defaults of engine::SamplerSettings; an absent seed is drawn at random.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/generation/conversation.h"
#include "api/generation/text_call.h"
#include "api/json/api_error.h"
#include "api/json/json_body.h"

namespace exogpu::api {

enum class CallKind { chat, completion };

struct Call {
  CallKind kind = CallKind::chat;
  // One per prompt; only the prompts differ. `model` is empty if the request names none.
  std::vector<node::GenerationRequest> generations;
  bool stream = false;
  std::optional<std::chrono::milliseconds> linger{};  // as in TextCall
  bool include_usage = false;                         // a stream ends with a chunk of the usage
  bool logprobs = false;
  bool names_tokens_by_id = false;  // in the log probabilities of a completion: several tokens may have one text

  uint32_t answers() const { return static_cast<uint32_t>(generations.size()) * generations.front().answers; }
};

// `seed` is used if the request has none.
Parsed<Call> parse_call(CallKind kind, std::string_view body, const CallLimits& limits, uint64_t seed);

// The fields of both kinds: sampling, lengths, stops, n.
Parsed<void> read_options(const Fields& fields, CallKind kind, node::GenerationRequest& request, uint64_t seed);

// The conversation of a chat, with its tools and the variables of its template.
Parsed<Conversation> read_conversation(const Fields& fields);

// The array of messages: parts of contents are joined, "developer" becomes "system", "function" becomes "tool".
Parsed<std::vector<Message>> read_messages(const Fields& fields);

// The tools and tool_choice.
Parsed<void> read_tools(const Fields& fields, Conversation& conversation);

// What the server runs; its writer is an AnswerFormat.
TextCall to_text_call(Call call);

}  // namespace exogpu::api
