#include "node/local_generator.h"

#include <memory>
#include <optional>
#include <utility>

#include "node/answer.h"
#include "pipeline/shard_compute.h"

namespace exogpu::node {
namespace {

std::vector<std::unique_ptr<pipeline::Compute>> computes_of(engine::Chain chain, const PromptEncoder& encoder) {
  std::vector<std::unique_ptr<pipeline::Compute>> computes;
  for (engine::ShardGroup& shard : std::move(chain).release()) {
    computes.push_back(
        std::make_unique<pipeline::ShardCompute>(std::move(shard), [&encoder] { return encoder.constraints(); }));
  }
  return computes;
}

class TextListener final : public GenerationListener {
 public:
  explicit TextListener(const std::function<void(std::string_view)>& on_text) : on_text_(&on_text) {}
  void on_prompt(uint32_t) override {}
  void on_piece(uint32_t, const model::AnswerPiece& piece, std::span<const TokenReport>) override {
    if (!piece.text.empty()) (*on_text_)(piece.text);
  }
  void on_end(uint32_t, const engine::GenerateStats& end) override { stats = end; }
  void on_error(const Error&) override {}  // generate() returns it

  engine::GenerateStats stats;

 private:
  const std::function<void(std::string_view)>* on_text_;
};

}  // namespace

LocalGenerator::LocalGenerator(engine::Chain chain, const PromptEncoder& encoder)
    : encoder_(&encoder),
      context_(chain.options().context),
      vocabulary_(chain.architecture().n_vocab),
      ring_(computes_of(std::move(chain), encoder), context_) {}

Result<engine::GenerateStats> LocalGenerator::generate(const EncodedPrompt& prompt,
                                                       const engine::GenerateOptions& options,
                                                       const std::function<void(std::string_view)>& on_text,
                                                       const std::stop_token& cancel) {
  if (prompt.tokens.empty()) return fail(ErrorCode::invalid_argument, "the prompt is empty");
  if (prompt.tokens.size() >= context_) {
    return fail(ErrorCode::resource_exhausted,
                "the prompt has {} tokens and leaves no room for an answer in a context of {}; start with a larger one "
                "(--context)",
                prompt.tokens.size(), context_);
  }
  // The ring reports bad settings with the first token, after a long prompt has been computed.
  EXO_CHECK(engine::check_sampling(options.sampling, vocabulary_));
  TextListener listener(on_text);
  EncodedPrompt as_text = prompt;
  as_text.reading.reset();
  EXO_TRY(Answer answer, Answer::create(0, options, as_text, encoder_->tokenizer(), listener));
  std::optional<Error> failure;
  EXO_CHECK(ring_.generate(
      ring_request(prompt, options, *encoder_),
      [&](const pipeline::TokenEvent& event) {
        failure = event.failure;
        return !failure && !answer.on_event(event);
      },
      cancel));
  if (failure) return std::unexpected(*std::move(failure));
  answer.end(engine::FinishReason::cancelled);  // the loop ended early, unless the answer has ended
  return listener.stats;
}

Result<std::vector<float>> LocalGenerator::embed(const EncodedPrompt& prompt, const std::stop_token& cancel) {
  pipeline::Request request{.tokens = prompt.tokens, .sampling = {}, .tokens_max = 1, .end_tokens = {}};
  request.embed = true;
  std::vector<float> values;
  std::optional<Error> failure;
  EXO_CHECK(ring_.generate(
      std::move(request),
      [&](const pipeline::TokenEvent& event) {
        failure = event.failure;
        if (event.token && !event.token->embedding.empty()) values = event.token->embedding;
        return !failure && values.empty();
      },
      cancel));
  if (failure) return std::unexpected(*std::move(failure));
  if (values.empty()) return fail(ErrorCode::cancelled, "the embedding was cancelled");
  return values;
}

}  // namespace exogpu::node
