// Any text as a chat template, with any JSON as a request's variables and messages: it ends within its limits, with a
// prompt or an error, and leaves the engine as it was.
//
//   TEMPLATE 0 VARIABLES 0 MESSAGES      the last two may be missing
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "model/chat_template.h"

namespace {

using namespace exogpu;

void check(bool holds) {
  if (!holds) std::abort();
}

std::string_view next_part(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('\0'));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace std::chrono_literals;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view source = next_part(rest), variables = next_part(rest), messages = rest;
  const model::ChatLimits limits{.memory = 16 * MiB, .time = 300ms};
  auto chat = model::ChatTemplate::parse(std::string(source), "<s>", "</s>", limits);
  if (!chat) {
    check(!chat.error().message.empty());
    return 0;
  }
  model::ChatRequest request;
  request.extra_json = variables;
  request.messages_json = messages.empty() ? R"([{"role": "user", "content": "hello"}])" : std::string(messages);
  request.now = std::chrono::sys_days(std::chrono::year(2031) / 5 / 15);
  const auto first = chat->render(request);
  check(first || !first.error().message.empty());
  // Whatever it did, the next render does the same, unless a limit was what ended it.
  const auto second = chat->render(request);
  const auto by_limit = [](const Result<std::string>& got) {
    return !got && got.error().code == ErrorCode::resource_exhausted;
  };
  if (!by_limit(first) && !by_limit(second))
    check(first.has_value() == second.has_value() && (!first || *first == *second));
  return 0;
}
