#include "api/generation/shortening.h"

#include <memory>
#include <utility>
#include <vector>

namespace exogpu::api {
namespace {

// The turn of each message; none of those that stay.
std::vector<std::optional<uint32_t>> turns_of(const std::vector<Message>& messages) {
  std::vector<std::optional<uint32_t>> turns;
  uint32_t turn = 0;
  bool any = false;  // in this turn
  for (const Message& message : messages) {
    if (message.role == "system") {
      turns.emplace_back();
      continue;
    }
    if (message.role == "user" && any) ++turn;
    any = true;
    turns.emplace_back(turn);
  }
  return turns;
}

}  // namespace

Parsed<bool> read_truncation(const Fields& fields, const CallLimits& limits) {
  EXO_TRY(const auto truncation, fields.text("truncation"));
  if (!truncation) return limits.truncate;
  if (*truncation == "auto") return true;
  if (*truncation == "disabled") return false;
  return bad_field("truncation", "invalid_value",
                   "must be \"auto\" (the oldest turns go where the context is too short) or \"disabled\"");
}

std::optional<node::Shortening> shortening(Conversation conversation) {
  const auto turns = turns_of(conversation.messages);
  uint32_t last = 0;
  for (const auto& turn : turns) last = std::max(last, turn.value_or(0));
  if (last == 0) return std::nullopt;
  const auto whole = std::make_shared<const Conversation>(std::move(conversation));
  return node::Shortening{.turns = last, .without = [whole, turns](uint32_t gone) {
                            Conversation rest = *whole;
                            rest.messages.clear();
                            for (size_t i = 0; i < turns.size(); ++i) {
                              if (!turns[i] || *turns[i] >= gone) rest.messages.push_back(whole->messages[i]);
                            }
                            const auto removed = whole->messages.size() - rest.messages.size();
                            return node::ShortenedPrompt{.prompt = to_prompt(rest),
                                                         .messages_removed = static_cast<uint32_t>(removed)};
                          }};
}

}  // namespace exogpu::api
