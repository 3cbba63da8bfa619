#include "engine/generator.h"

#include <algorithm>

#include "engine/prompt_chunk.h"

namespace exogpu::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr wire::SeqId sequence{0};

}  // namespace

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::end_of_text: return "end of text";
    case FinishReason::stop_string: return "stop string";
    case FinishReason::length: return "length";
    case FinishReason::context_full: return "context full";
    case FinishReason::cancelled: return "cancelled";
  }
  return "cancelled";
}

Result<std::span<const float>> Generator::compute(std::span<const model::TokenId> tokens, bool wants_logits) {
  SequenceTokens next = {sequence, static_cast<uint32_t>(cached_.size()), static_cast<uint32_t>(tokens.size()),
                         wants_logits ? 1U : 0U};
  auto result = chain_->forward({{&next, 1}, tokens, {}});
  if (result) cached_.insert(cached_.end(), tokens.begin(), tokens.end());
  return result;
}

// In chunks; empty when cancelled between two of them. At least the last token is computed, for its logits.
Result<std::span<const float>> Generator::compute_prompt(std::span<const model::TokenId> prompt,
                                                         const std::stop_token& cancel) {
  auto same = static_cast<size_t>(std::ranges::mismatch(cached_, prompt).in1 - cached_.begin());
  same = std::min(same, prompt.size() - 1);
  EXO_CHECK(chain_->truncate(sequence, static_cast<uint32_t>(same)));
  cached_.resize(same);
  std::span<const float> logits;
  while (cached_.size() < prompt.size()) {
    if (cancel.stop_requested()) return std::span<const float>{};
    auto rest = prompt.subspan(cached_.size());
    const size_t most = chain_->options().batch_tokens;
    auto chunk = rest.first(prompt_chunk(rest.size(), most, most));
    EXO_TRY(logits, compute(chunk, chunk.size() == rest.size()));
  }
  return logits;
}

Result<GenerateStats> Generator::generate(std::span<const model::TokenId> prompt, const GenerateOptions& options,
                                          const std::function<void(std::string_view)>& on_text,
                                          const std::stop_token& cancel) {
  uint32_t context = chain_->options().context;
  if (prompt.empty()) return fail(ErrorCode::invalid_argument, "the prompt is empty");
  if (prompt.size() >= context)
    return fail(ErrorCode::resource_exhausted,
                "the prompt has {} tokens and leaves no room for an answer in a context of {}; start with a larger one "
                "(--context)",
                prompt.size(), context);
  EXO_TRY(Sampler sampler, Sampler::create(options.sampling, chain_->architecture().n_vocab));
  EXO_TRY(StopMatcher stops, StopMatcher::create(options.stops));
  for (model::TokenId token : prompt) sampler.accept(token);

  GenerateStats stats;
  stats.prompt_tokens = static_cast<uint32_t>(prompt.size());
  auto same = std::ranges::mismatch(cached_, prompt).in1 - cached_.begin();
  stats.prompt_reused = std::min(static_cast<uint32_t>(same), stats.prompt_tokens - 1);
  auto started = Clock::now();
  EXO_TRY(std::span<const float> logits, compute_prompt(prompt, cancel));
  auto prompt_done = Clock::now();
  stats.prompt_time = prompt_done - started;

  model::TokenStream text(*tokenizer_);
  auto emit = [&](std::string_view piece) {
    std::string out = stops.push(piece);
    if (!out.empty()) on_text(out);
  };
  while (true) {
    if (logits.empty() || cancel.stop_requested()) {
      stats.reason = FinishReason::cancelled;
      break;
    }
    EXO_TRY(TokenChoice choice, sampler.sample(logits));
    sampler.accept(choice.token);
    if (tokenizer_->is_end(choice.token) && !options.ignore_end) {
      stats.reason = FinishReason::end_of_text;
      break;
    }
    ++stats.answer_tokens;
    emit(text.push(choice.token));
    if (stops.stopped()) {
      stats.reason = FinishReason::stop_string;
      break;
    }
    if (options.tokens_max > 0 && stats.answer_tokens >= options.tokens_max) {
      stats.reason = FinishReason::length;
      break;
    }
    if (cached_.size() >= context) {
      stats.reason = FinishReason::context_full;
      break;
    }
    EXO_TRY(logits, compute({&choice.token, 1}, true));
  }
  if (!stops.stopped()) {
    emit(text.flush());
    if (std::string rest = stops.flush(); !rest.empty()) on_text(rest);
  }
  stats.answer_time = Clock::now() - prompt_done;
  return stats;
}

}  // namespace exogpu::engine
