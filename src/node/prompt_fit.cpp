#include "node/prompt_fit.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace exogpu::node {

uint32_t answer_room(uint32_t context, uint32_t tokens_max) {
  const uint32_t most = std::max(context / 4, 1U);
  return tokens_max == 0 ? most : std::min(tokens_max, most);
}

Result<FittedPrompt> fit_prompt(ModelText& text, const GenerationRequest& request, uint32_t context) {
  EXO_TRY(EncodedPrompt whole, text.encode(request.prompt));
  const uint32_t room = answer_room(context, request.options.tokens_max);
  const auto fits = [&](const EncodedPrompt& prompt) { return prompt.tokens.size() + room <= context; };
  if (!request.shortening || fits(whole)) return FittedPrompt{.prompt = std::move(whole)};
  const Shortening& shortening = *request.shortening;
  std::optional<FittedPrompt> best;
  size_t least = whole.tokens.size();
  // The fewest turns, if a prompt with fewer messages has fewer tokens.
  uint32_t low = 1, high = shortening.turns;
  for (uint32_t turns = high; low <= high; turns = low + (high - low) / 2) {
    ShortenedPrompt shorter = shortening.without(turns);
    EXO_TRY(EncodedPrompt encoded, text.encode(shorter.prompt));
    least = std::min(least, encoded.tokens.size());
    if (fits(encoded)) {
      best = FittedPrompt{.prompt = std::move(encoded), .messages_removed = shorter.messages_removed};
      high = turns - 1;
    } else {
      low = turns + 1;
    }
  }
  if (best) return *std::move(best);
  return fail(
      ErrorCode::resource_exhausted,
      "the prompt has {} tokens, and {} without all turns that may go; with {} for the answer that is more than "
      "the context of {}; shorten the last turn or the system message, or serve the model with a larger context "
      "(--context)",
      whole.tokens.size(), least, room, context);
}

Result<void> add_echo(const PromptEncoder& encoder, const Prompt& prompt, EncodedPrompt& encoded) {
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    encoded.echo = *text;
    encoded.adds_bos = encoder.tokenizer().adds_bos();
    return {};
  }
  const auto* tokens = std::get_if<std::vector<model::TokenId>>(&prompt);
  if (!tokens) return fail(ErrorCode::invalid_argument, "echo repeats a prompt that is a text or tokens");
  EXO_TRY(encoded.echo, encoder.detokenize(*tokens));
  return {};
}

}  // namespace exogpu::node
