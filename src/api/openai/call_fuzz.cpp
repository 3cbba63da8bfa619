// Any body is either refused with a well-formed error, or parsed into requests that are valid for the node.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "api/openai/call.h"

namespace {

using exogpu::api::Call;
using exogpu::api::CallKind;
using json = nlohmann::ordered_json;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_call(const Call& call, uint32_t answers_max) {
  check(!call.generations.empty() && call.answers() >= 1 && call.answers() <= answers_max);
  for (const auto& generation : call.generations) {
    for (const std::string& stop : generation.options.stops) check(!stop.empty());
    if (const auto* chat = std::get_if<exogpu::model::ChatRequest>(&generation.prompt)) {
      const json messages = json::parse(chat->messages_json);
      check(!messages.empty());
      for (const json& message : messages) check(message.at("role").is_string());
      if (!chat->tools_json.empty()) check(json::parse(chat->tools_json).is_array());
      if (!chat->extra_json.empty()) check(json::parse(chat->extra_json).is_object());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const CallKind kind : {CallKind::chat, CallKind::completion}) {
    const exogpu::api::CallLimits limits;
    const auto call = exogpu::api::parse_call(kind, body, limits, 1);
    if (call) {
      check_call(*call, limits.answers_max);
    } else {
      check(call.error().status >= 400 && call.error().status < 500 && call.error().message.size() < 4096);
      check(json::parse(exogpu::api::to_json(call.error())).at("error").at("message").is_string());
    }
  }
  return 0;
}
