#include "pipeline/shard_compute.h"

#include <algorithm>

namespace exogpu::pipeline {

ShardCompute::ShardCompute(engine::Shard shard, engine::LoadVocabulary vocabulary)
    : shard_(std::move(shard)),
      info_{.layers = shard_.layers(),
            .model_layers = shard_.architecture().n_layers,
            .activation_width = shard_.architecture().activation_width(),
            .vocabulary = shard_.architecture().n_vocab,
            .sequences = shard_.options().sequences,
            .batch_tokens = shard_.options().batch_tokens} {
  if (vocabulary) constraints_ = std::make_unique<engine::ConstraintCompiler>(std::move(vocabulary));
}

Result<std::span<const float>> ShardCompute::forward(const ComputeBatch& batch, std::span<float> into) {
  spans_.clear();
  for (const wire::Span& span : batch.spans) {
    spans_.push_back({span.sequence, span.position, span.count, span.sample ? 1U : 0U});
  }
  return shard_.forward({.sequences = spans_, .tokens = batch.tokens, .activations = batch.activations, .into = into});
}

Result<std::vector<wire::SampledToken>> ShardCompute::forward_and_sample(const ComputeBatch& batch) {
  EXO_TRY(const std::span<const float> logits, forward(batch, {}));
  std::vector<wire::SampledToken> tokens;
  size_t row = 0;
  for (const wire::Span& span : batch.spans) {
    if (!span.sample) continue;
    tokens.push_back(sample(span.sequence, logits.subspan(row++ * info_.vocabulary, info_.vocabulary)));
  }
  return tokens;
}

wire::SampledToken ShardCompute::sample(wire::SeqId sequence, std::span<const float> logits) {
  wire::SampledToken token;
  token.sequence = sequence;
  const auto sampler = samplers_.find(sequence);
  if (sampler == samplers_.end()) {
    token.failure = Error{ErrorCode::failed_precondition, "a sequence without a sampler"};
    return token;
  }
  if (!sampler->second) {
    token.failure = sampler->second.error();
    return token;
  }
  Sampling& sampling = *sampler->second;
  if (sampling.constraint.valid()) {
    auto constraint = sampling.constraint.get();
    if (!constraint) {
      token.failure = constraint.error();
      sampler->second = std::unexpected(std::move(constraint).error());
      return token;
    }
    sampling.sampler.constrain(*std::move(constraint), sampling.tokens_left);
  }
  const auto choice = sampling.sampler.sample(logits);
  if (!choice) {
    token.failure = choice.error();
    return token;
  }
  sampling.sampler.accept(choice->token);
  token.token = choice->token;
  token.logprob = choice->logprob;
  token.top.assign(choice->top.begin(), choice->top.end());
  return token;
}

// Settings that the sampler refuses are reported when it is to sample: they concern this sequence alone.
Result<void> ShardCompute::open_sampler(wire::SeqId sequence, const wire::OpenSampler& open) {
  if (sequence.value() >= info_.sequences) {
    return fail(ErrorCode::invalid_argument, "sequence {} is beyond the {} of this stage", sequence.value(),
                info_.sequences);
  }
  samplers_.insert_or_assign(sequence, begin_sampling(open));
  return {};
}

Result<ShardCompute::Sampling> ShardCompute::begin_sampling(const wire::OpenSampler& open) {
  EXO_TRY(engine::Sampler sampler, engine::Sampler::create(open.settings, info_.vocabulary));
  const uint32_t before = open.length - std::min<uint32_t>(open.length, static_cast<uint32_t>(open.recent.size()));
  for (uint32_t i = 0; i < before; ++i) sampler.accept(-1);  // only counts
  for (const wire::TokenId token : open.recent) sampler.accept(token);
  Sampling sampling{.sampler = std::move(sampler), .constraint = {}, .tokens_left = open.tokens_left};
  if (!open.settings.constraint) return sampling;
  if (!constraints_) return fail(ErrorCode::unsupported, "this stage knows no tokens to give an answer a form with");
  sampling.constraint = constraints_->begin(*open.settings.constraint, open.generated);
  return sampling;
}

}  // namespace exogpu::pipeline
